"""The formats that devices run."""
