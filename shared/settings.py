"""Settings every process shares; each service adds its own with its own prefix."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    """Where the broker and the stores are, and how a process shows itself. Prefix ``TRAINYARD_``."""

    model_config = SettingsConfigDict(
        env_prefix="TRAINYARD_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    nats_url: str = Field(
        default="nats://127.0.0.1:4222", description="broker address, comma-separated for a cluster"
    )
    nats_token: SecretStr | None = Field(
        default=None, description="broker token; none where NATS users are set up"
    )
    nats_user: str | None = Field(default=None, description="this service's NATS user in a cluster")
    nats_password: SecretStr | None = Field(default=None, description="its password")

    data_dir: Path | None = Field(
        default=None, description="folder with ledger and objects of the embedded stores"
    )
    supabase_url: str | None = Field(
        default=None, description="set to keep rows and bytes in Supabase instead"
    )
    supabase_key: SecretStr | None = Field(
        default=None, description="service key (sb_secret_... or service_role)"
    )
    supabase_publishable_key: SecretStr | None = Field(
        default=None,
        description="publishable or anon key, sent with users' own tokens; only the gateway needs it",
    )

    host: str = Field(default="127.0.0.1", description="address of the health and metrics port")
    port: int = Field(default=0, ge=0, le=65535, description="0 = chosen by the kernel")
    port_file: Path | None = Field(default=None, description="where to write the port once it listens")
    health_host: str = Field(
        default="127.0.0.1", description="address of the gateway's own health and metrics port"
    )
    health_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="port of /healthz, /readyz and /metrics of the gateway; workers have one port, for these",
    )
    parent_pid: int | None = Field(default=None, description="die when this process dies")
    scratch_dir: Path | None = Field(
        default=None,
        description="folder of this process alone for files that pass through; what an earlier life left in "
        "its `trainyard-scratch` is removed at the start; none = the system's temporary folder",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_levels: dict[str, str] = Field(
        default={}, description='levels of single modules, as JSON: {"services.trainer": "DEBUG"}'
    )
    log_dir: Path | None = Field(
        default=None, description="folder for JSON lines beside the console: files of 50 MB, six per process"
    )
    traces_url: str | None = Field(
        default=None, description="OpenTelemetry collector (OTLP over HTTP) for traces; none = no traces"
    )

    jobs_ahead: int = Field(
        default=2,
        ge=1,
        description="jobs of one user and kind that lie in the work queue before anybody takes them (more "
        "where many replicas are at work); the others wait for their turn in the ledger",
    )
    user_weights: dict[str, Annotated[float, Field(gt=0, le=1_000)]] = Field(
        default={}, description='shares of users beside each other, as JSON: {"user id": 2.5}; '
        "who is not named has the weight of the plan, or 1",
    )  # fmt: skip

    ack_wait: timedelta = Field(
        default=timedelta(seconds=60), description="silence after which work is given to others"
    )
    drain: timedelta = Field(
        default=timedelta(seconds=20), description="time to finish what is in hand on SIGTERM"
    )
