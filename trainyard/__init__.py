"""What a user imports and types: the client, the command line, the platform on one machine."""
