"""Who may say and hear what on the broker: one user per service, with exactly its subjects.

Everything follows from the streams, the reactions and the events; the embedded broker, compose and Kubernetes
get the same lists from here.
"""

import json
from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from shared.contracts import events as e
from shared.contracts.base import Message
from shared.contracts.kinds import KINDS
from shared.messaging.streams import CHRONICLE, EXHAUSTED, LETTERS, REACTIONS, work_consumer

ServiceName = Literal["gateway", "ingest", "datasets", "trainer", "evaluator"]
User = Literal[ServiceName, "provision"]
SERVICES: tuple[ServiceName, ...] = get_args(ServiceName)
USERS: tuple[User, ...] = (*SERVICES, "provision")

ANNOUNCES: Mapping[ServiceName, tuple[type[Message], ...]] = {
    "gateway": (
        e.UploadCompleted, e.DatasetRequested, e.TrainingRequested, e.CancelRequested, e.CancelNow,
        e.SessionDeleted, e.ScheduleFired,
    ),
    "ingest": (e.FileReady, e.FileRejected, e.RowsArrived),
    "datasets": (e.DatasetReady, e.DatasetFailed),
    "trainer": (e.RunPlanned, e.TrainModel, e.ModelProgress, e.ModelDone),
    "evaluator": (
        e.ModelEvaluated, e.ModelDone, e.RunFinished, e.RunReported, e.ForecastsScored,
        # announced again by the reconciler, or said of a dead letter
        e.UploadCompleted, e.DatasetRequested, e.TrainingRequested, e.TrainModel,
        e.FileRejected, e.DatasetFailed,
    ),
}  # fmt: skip
_ANSWERS: frozenset[ServiceName] = frozenset({"ingest", "datasets", "trainer", "evaluator"})
_API = "$JS.API"


class Permissions(BaseModel):
    """What one user of the broker may publish and subscribe to; nothing else."""

    model_config = ConfigDict(frozen=True)

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False  # may reply to what it was asked

    def as_config(self) -> dict[str, object]:
        """Return the permissions in nats-server's words."""
        allowed: dict[str, object] = {
            "publish": {"allow": list(self.publish)} if self.publish else {"deny": [">"]},
            "subscribe": {"allow": list(self.subscribe)},
        }
        return {**allowed, "allow_responses": {"max": 1, "expires": "10m"}} if self.answers else allowed


def permissions_of(user: User) -> Permissions:
    """Return what a user may do.

    >>> permissions_of("ingest").subscribe
    ('_INBOX.ingest.>', 'ask.ingest.*')
    """
    if user == "provision":
        streams = tuple(f"{_API}.STREAM.{verb}.*" for verb in ("INFO", "CREATE", "UPDATE"))
        own = (*streams, f"{_API}.CONSUMER.CREATE.>", f"{_API}.CONSUMER.DURABLE.CREATE.>")
        return Permissions(publish=own, subscribe=("_INBOX.provision.>",))
    # Pull from durables that are there, and settle; nobody but `provision` creates one.
    reading = [
        f"{before}.{stream}.{durable}{after}"
        for stream, durable in durables_of(user)
        for before, after in (
            (f"{_API}.CONSUMER.INFO", ""),
            (f"{_API}.CONSUMER.MSG.NEXT", ""),
            ("$JS.ACK", ".>"),
        )
    ]
    said = [message.pattern() for message in ANNOUNCES[user]]
    dead = [f"dlq.{stream}.*" for stream in sorted({stream for stream, _ in durables_of(user)})]
    publish, subscribe = _own(user)
    heard = ("ask." + user + ".*",) if user in _ANSWERS else ()
    return Permissions(
        publish=tuple(dict.fromkeys([*said, *reading, *dead, *publish])),
        subscribe=(f"_INBOX.{user}.>", *heard, *subscribe),
        answers=user in _ANSWERS,
    )


def durables_of(service: ServiceName) -> list[tuple[str, str]]:
    """Return the durable consumers a service pulls from, each with its stream."""
    found = [("EVT", name) for name, _ in REACTIONS if name.split("-")[0] == service]
    if service == "trainer":
        found += [("JOBS", work_consumer(kind)) for kind in KINDS]
    if service == "evaluator":
        found += [("EVT", CHRONICLE), ("DLQ", LETTERS), ("DLQ", EXHAUSTED)]
    return found


def _own(service: ServiceName) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what one service alone publishes and subscribes to, beyond events and reactions."""
    if service == "gateway":
        history = (f"{_API}.STREAM.INFO.EVT", f"{_API}.DIRECT.GET.EVT", f"{_API}.DIRECT.GET.PROG")
        asked = tuple(f"ask.{other}.*" for other in SERVICES if other in _ANSWERS)
        queue = (f"{_API}.STREAM.PURGE.JOBS",)
        return (*asked, "limit.>", *history, *queue), ("live.evt.>", "prog.>")
    if service == "trainer":
        return (), (e.CancelNow.pattern(),)
    if service == "evaluator":
        letters = tuple(f"{_API}.STREAM.MSG.GET.{stream}" for stream in ("EVT", "JOBS", "DLQ"))
        depth = (f"{_API}.CONSUMER.INFO.JOBS.*", f"{_API}.DIRECT.GET.JOBS")
        return (*letters, f"{_API}.STREAM.MSG.DELETE.JOBS", *depth), ()
    return (), ()


def authorization(passwords: Mapping[str, str]) -> str:
    """Return nats-server's ``authorization`` block.

    Parameters
    ----------
    passwords
        By user. A value that starts with ``$`` is a variable of the server's environment, left unquoted.
    """
    users = []
    if "operator" in passwords:  # the embedded broker's own: it may do everything
        users.append(f"  {{ user: operator, password: {json.dumps(passwords['operator'])} }}")
    for user in USERS:
        secret = passwords[user]
        password = secret if secret.startswith("$") else json.dumps(secret)
        allowed = json.dumps(permissions_of(user).as_config(), indent=2).replace("\n", "\n    ")
        users.append(f"  {{ user: {user}, password: {password}, permissions: {allowed} }}")
    return "authorization {\n users: [\n" + "\n".join(users) + "\n ]\n}\n"
