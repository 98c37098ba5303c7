"""Knobs of the datasets service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings


class DatasetsSettings(CommonSettings):
    """Environment names start with ``TRAINYARD_``; the service's own go on with ``DATASETS_``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")

    datasets_attempts: int = Field(
        default=3, ge=1, description="unexpected failures after which a build has failed"
    )
