"""Knobs of the ingest service."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from services.ingest.scan import Address
from shared.settings import CommonSettings


def _address(text: str | None) -> Address | None:
    return Address.parse(text) if text else None


class IngestSettings(CommonSettings):
    """The common settings and the virus scanner; environment names start with ``TRAINYARD_``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")

    clamd: Annotated[Address | None, NoDecode, BeforeValidator(_address)] = Field(
        default=None, description="virus scanner every file passes: host:port or unix:/path; none = no scan"
    )
    clamd_timeout: timedelta = Field(
        default=timedelta(minutes=5), description="longest time the scanner may take for one file"
    )
    clamd_patience: timedelta = Field(
        default=timedelta(minutes=10),
        description="how long a file waits for a scanner that is away before the broker delivers it again",
    )
