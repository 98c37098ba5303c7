"""One message as a live client sees it, and how it is read from the bus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from shared.contracts.events import EVENTS, ModelProgress

PROGRESS = ModelProgress.type
_EPOCHS = 1_000  # a fit has no more
_ENVELOPE = frozenset({"v", "session_id", "run_id", "job_id", "event_id", "correlation_id", "time"})


@dataclass(frozen=True)
class LiveMessage:
    """A message for the clients of one session; ``seq`` is None for progress, which is never replayed."""

    seq: int | None
    type: str
    session_id: str
    run_id: str | None
    job_id: str | None
    data: Mapping[str, Any]
    text: str = field(repr=False)

    @property
    def topic(self) -> str:
        """What a newer message of the same topic makes out of date."""
        return f"{self.run_id}.{self.job_id}"

    def after(self, older: "LiveMessage | None") -> "LiveMessage":
        """Return this progress with the epochs of one that nobody was told yet."""
        if older is None or not older.data.get("curve"):
            return self
        data = {**self.data, "curve": [*older.data["curve"], *(self.data.get("curve") or ())][-_EPOCHS:]}
        text = json.dumps({**json.loads(self.text), "data": data}, separators=(",", ":"), ensure_ascii=False)
        return replace(self, data=data, text=text)


@lru_cache(maxsize=1024)
def type_of(subject: str) -> str | None:
    """Return the type of the event that lives on a subject.

    >>> type_of("evt.0a.-.file.0b.ready")
    'file.ready'
    """
    return next((event.type for event in EVENTS if event.matches(subject)), None)


def parse(subject: str, payload: bytes, *, seq: int | None) -> LiveMessage | None:
    """Read a message of the bus; None for what is no event of ours."""
    kind = PROGRESS if subject.startswith("prog.") else type_of(subject)
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if kind is None or not isinstance(body, dict) or not isinstance(body.get("session_id"), str):
        return None
    message = {
        "seq": seq,
        "id": body.get("event_id"),
        "type": kind,
        "session_id": body["session_id"],
        "run_id": body.get("run_id"),
        "job_id": body.get("job_id"),
        "time": body.get("time") or datetime.now(UTC).isoformat(),
        "data": {key: value for key, value in body.items() if key not in _ENVELOPE},
    }
    return LiveMessage(
        seq=seq,
        type=kind,
        session_id=message["session_id"],
        run_id=message["run_id"],
        job_id=message["job_id"],
        data=message["data"],
        text=json.dumps(message, separators=(",", ":"), ensure_ascii=False),
    )
