"""Knobs of the ingest service."""

from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings


class IngestSettings(CommonSettings):
    """The common settings are all there is; environment names start with ``TRAINYARD_``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")
