"""What runs on the device. Each room imports only rooms below it (see pyproject.toml)."""
