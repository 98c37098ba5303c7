"""The gateway's knobs; its own start with ``TRAINYARD_GATEWAY_``, the common ones with ``TRAINYARD_``."""

import ipaddress
from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from shared.errors import InvalidInput
from shared.settings import CommonSettings

MIB = 1 << 20


class NotLoopback(InvalidInput):
    """Without an identity provider everybody who reaches the port is the local user."""

    code = "NOT_LOOPBACK"
    advice = (
        "Configure Supabase (or a JWT secret) to serve other machines, or listen on 127.0.0.1.",
        "In a container whose port is published on the host's loopback only, set "
        "TRAINYARD_GATEWAY_PUBLISHED_ON_LOOPBACK=true.",
    )


class GatewaySettings(CommonSettings):
    """What the gateway accepts, from whom, and how much of it."""

    gateway_jwt_secret: SecretStr | None = Field(
        default=None, description="HS256 secret of access tokens; asymmetric keys come from the JWKS"
    )
    gateway_jwks_url: str | None = Field(
        default=None, description="where signing keys are published; default: the Supabase project's"
    )
    gateway_jwt_issuer: str | None = Field(
        default=None, description="required issuer; default: the Supabase project's"
    )
    gateway_jwt_audience: str = Field(default="authenticated", description="required audience")
    gateway_origins: tuple[str, ...] = Field(
        default=(), description='exact origins of other web pages that may call, as JSON: ["https://app"]'
    )
    gateway_hosts: tuple[str, ...] = Field(
        default=(), description="names this gateway is reached by; empty = any with tokens, loopback without"
    )

    gateway_published_on_loopback: bool = Field(
        default=False,
        description="true in a container whose port is published on the host's loopback only: then a gateway "
        "without identities may listen on every address of its own network; names are still checked",
    )

    gateway_max_file_bytes: int = Field(default=500 * MIB, gt=0, description="largest file")
    gateway_max_body_bytes: int = Field(default=4 * MIB, gt=0, description="largest body beside uploads")
    gateway_max_total_chunks: int = Field(default=5_000, gt=0, description="most chunks of one file")
    gateway_body_stall: timedelta = Field(
        default=timedelta(seconds=30), description="longest silence inside a request body"
    )
    gateway_requests_per_minute: int = Field(default=100, gt=0, description="per user, over all replicas")
    gateway_chunks_per_minute: int = Field(
        default=6_000, gt=0, description="requests that carry chunks, per user, over all replicas"
    )
    gateway_failed_tokens_per_minute: int = Field(
        default=60, gt=0, description="refused tokens per address; then only known ones are looked at"
    )
    gateway_sockets_per_user: int = Field(default=100, gt=0, description="live connections of one user")
    gateway_anonymous_sockets: int = Field(
        default=200, gt=0, description="live connections on which nobody has signed in yet"
    )
    gateway_user_bytes: int = Field(
        default=200 << 30,
        gt=0,
        description="what one user may keep in all sessions, in bytes; with one local user the disk decides",
    )
    gateway_session_bytes: int = Field(
        default=20 << 30,
        gt=0,
        description="uploads, data sets, models and reports one session may keep, in bytes",
    )
    gateway_free_bytes: int = Field(
        default=1 << 30,
        ge=0,
        description="free space of the data folder below which nothing is uploaded or begun",
    )
    gateway_upload_bytes_per_minute: int = Field(
        default=20_000 * MIB, gt=0, description="chunk bytes per user and minute, over all replicas"
    )
    gateway_client_queue: int = Field(
        default=512, gt=0, description="messages a live client may lag behind before it is closed"
    )
    gateway_max_dataset_bytes: int = Field(
        default=16 << 30, gt=0, description="largest estimated size of a data set that is accepted"
    )
    gateway_ask_timeout: timedelta = Field(
        default=timedelta(seconds=60), description="patience with a worker that is asked for an answer"
    )
    gateway_report_patience: timedelta = Field(
        default=timedelta(seconds=50), description="longest wait of a download for a report being written"
    )
    gateway_jobs_per_user: int = Field(
        default=2_000, gt=0, description="models of one user that may wait or be fitted at once (429 beyond)"
    )
    gateway_jobs: int = Field(
        default=50_000,
        gt=0,
        description="models of all users that may wait or be fitted at once (503 beyond)",
    )
    gateway_start_patience: timedelta = Field(
        default=timedelta(seconds=3),
        description="how long a start at the earlier path waits for a run under way before it is refused",
    )
    gateway_forecasts_kept: int = Field(
        default=2_000,
        ge=10,
        description="newest forecasts kept of a session; older ones are removed",
    )
    gateway_schedules_every: timedelta = Field(
        default=timedelta(seconds=20), description="pause between two looks for schedules that are due"
    )
    gateway_webhooks_private: bool = Field(
        default=False, description="send webhooks to private addresses and over plain http, too"
    )
    gateway_plans: bool = Field(
        default=False, description="whether work needs a subscription whose month is not used up"
    )
    gateway_signing_key: SecretStr | None = Field(
        default=None,
        description="Ed25519 private key in PEM that signs models; default: signing.key of the data folder",
    )
    gateway_web_dir: Path | None = Field(
        default=None, description="a built page to serve at / instead of the plain one"
    )

    @property
    def issuer(self) -> str | None:
        """The issuer every token must name."""
        return self.gateway_jwt_issuer or (self.supabase_url and f"{self.supabase_url}/auth/v1")

    @property
    def jwks_url(self) -> str | None:
        """Where the signing keys of the identity provider are."""
        if self.gateway_jwks_url or not self.supabase_url:
            return self.gateway_jwks_url
        return f"{self.supabase_url}/auth/v1/.well-known/jwks.json"

    @property
    def single_user(self) -> bool:
        """Whether nobody is asked who they are."""
        return self.gateway_jwt_secret is None and self.jwks_url is None

    def require_safe_address(self) -> None:
        """Raise ``NotLoopback`` if a gateway without identities would be reachable from elsewhere."""
        if self.single_user and not is_loopback(self.host) and not self.gateway_published_on_loopback:
            raise NotLoopback(
                f"the gateway has no identity provider and was told to listen on {self.host}", host=self.host
            )


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine.

    >>> [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
