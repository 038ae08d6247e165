"""The Python client of a Lintel device."""
