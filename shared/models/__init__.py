"""What a stored model says of itself."""
