"""The sub-commands of `lintel-lab`, a module each."""
