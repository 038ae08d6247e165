"""The command `lintel`."""
