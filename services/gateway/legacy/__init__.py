"""The earlier frontend: Socket.IO and the events it listens to."""
