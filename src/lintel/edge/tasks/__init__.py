"""What the device does with a picture: pure functions and small objects over the backends."""
