"""The broker's configuration for compose and Kubernetes: users, streams' space, the cluster."""

from shared.messaging.permissions import USERS, authorization

PEERS = 3
_HEAD = "# Made by `make deploy-files` from shared/messaging/permissions.py: do not edit.\n"
_COMMON = """max_payload: 8MB
jetstream {
  store_dir: /data
  max_memory_store: 256MB     # PROG and LIMITS take 128 MB
  max_file_store: 16GB        # EVT, JOBS and DLQ may take 6 GB
  sync_interval: always       # an acknowledged message survives a power cut
}
"""


def variables() -> dict[str, str]:
    """Return the environment variable that holds each user's password, as nats-server names it."""
    return {user: f"$NATS_{user.upper()}_PASSWORD" for user in USERS}


def single() -> str:
    """Return the configuration of one broker; its monitoring port knows no password and stays inside."""
    return f"""{_HEAD}server_name: trainyard
listen: "0.0.0.0:4222"
http: "127.0.0.1:8222"
{_COMMON}{authorization(variables())}"""


def clustered() -> str:
    """Return the configuration of a broker of three; KEDA reads the monitoring port, a policy guards it."""
    routes = ", ".join(f"$NATS_ROUTE_{i}" for i in range(PEERS))  # whole addresses, with their password
    return f"""{_HEAD}server_name: $POD_NAME
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
lame_duck_grace_period: 5s
lame_duck_duration: 30s
cluster {{
  name: trainyard
  listen: "0.0.0.0:6222"
  authorization {{ user: route, password: $NATS_ROUTE_PASSWORD }}
  routes: [{routes}]
}}
{_COMMON}{authorization(variables())}"""
