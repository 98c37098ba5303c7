"""What a user imports and types: the client, the command line, the platform on one machine."""

from trainyard.blocking import Client
from trainyard.client import ApiError, AsyncClient

__all__ = ["ApiError", "AsyncClient", "Client"]
