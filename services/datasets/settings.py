"""Knobs of the datasets service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings


class DatasetsSettings(CommonSettings):
    """Environment names start with ``TRAINYARD_``; the service's own go on with ``DATASETS_``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")

    datasets_max_windows: int = Field(default=10_000_000, gt=0, description="largest data set, in windows")
    datasets_at_once: int = Field(
        default=2, ge=2, description="data sets built together, each in a process of its own"
    )
    datasets_max_bytes: int = Field(default=8 << 30, gt=0, description="largest data set, in bytes of memory")
