"""A client of the Socket.IO side: who it is, and what runs for it."""

import asyncio
from dataclasses import dataclass, field

from services.gateway.auth.identity import Identity


@dataclass
class Client:
    """One connected socket."""

    sid: str
    who: Identity
    watch: asyncio.Task[None]  # ends the connection with its credential
    followers: dict[str, asyncio.Task[None]] = field(default_factory=dict)  # by session
