"""Create the broker's streams and consumers: ``python -m shared.messaging.provision``; safe to repeat."""

import asyncio
import sys

import nats
from nats.aio.client import Client
from pydantic import Field

from shared.messaging.streams import provision
from shared.settings import CommonSettings


class ProvisionSettings(CommonSettings):
    """The broker's address and credentials, and how many copies there shall be."""

    stream_replicas: int = Field(
        default=1, ge=1, le=5, description="copies of each stream; 3 on a cluster of three"
    )


async def connect(settings: CommonSettings) -> Client:
    """Connect as the settings say: with a token, with a user, or with neither."""
    login: dict[str, str] = {}
    if settings.nats_token:
        login = {"token": settings.nats_token.get_secret_value()}
    elif settings.nats_user and settings.nats_password:
        login = {"user": settings.nats_user, "password": settings.nats_password.get_secret_value()}
    return await nats.connect(
        settings.nats_url.split(","), **login, inbox_prefix=b"_INBOX.provision", max_reconnect_attempts=10
    )


async def provision_as(settings: CommonSettings, *, replicas: int) -> None:
    """Create or update every stream and consumer on the broker the settings name."""
    client = await connect(settings)
    try:
        await provision(client, ack_wait=settings.ack_wait, replicas=replicas)
    finally:
        await client.close()


def main() -> None:
    """Provision, as the environment says."""
    settings = ProvisionSettings()
    asyncio.run(provision_as(settings, replicas=settings.stream_replicas))
    sys.stderr.write("streams and consumers are there\n")


if __name__ == "__main__":
    main()
