"""What every message has: an identity derived from its cause, a correlation, and its own subject."""

import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_NAMESPACE = uuid.UUID("6f0d8a54-6f6b-5a0e-9d0a-7472616e7964")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="UUID in hex; safe in subjects and keys")]


def derive(*parts: str) -> str:
    """Return the id that follows from its causes: same parts, same id.

    >>> derive("run", "a") == derive("run", "a") != derive("run", "b")
    True
    >>> len(derive("x"))
    32
    """
    return uuid.uuid5(_NAMESPACE, "\x1f".join(parts)).hex


def new_id() -> str:
    """Return a fresh random id, for things nothing but a person caused."""
    return uuid.uuid4().hex


def utc_now() -> datetime:
    """Return the current time with its zone."""
    return datetime.now(UTC)


class Message(BaseModel):
    """A frozen value on a subject; readers ignore fields they do not know.

    ``template`` names the subject with the message's own fields as tokens: ``evt.{session_id}.{run}...``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    type: ClassVar[str]
    stream: ClassVar[str | None]
    template: ClassVar[str]

    v: Literal[1] = 1
    session_id: Id
    run_id: Id | None = None

    @property
    def run(self) -> str:
        """The run's token in the subject; ``-`` where there is none."""
        return self.run_id or "-"

    def subject(self) -> str:
        """Return the subject this very message belongs on."""
        return _PLACEHOLDER.sub(lambda m: str(getattr(self, m[1])), self.template)

    @classmethod
    def pattern(cls) -> str:
        """Return the subject with every id replaced by ``*``: what a subscriber of this type filters on."""
        return _PLACEHOLDER.sub("*", cls.template)

    @classmethod
    def matches(cls, subject: str) -> bool:
        """Say whether a subject is one of this type.

        >>> class Ready(Event):
        ...     type = "file.ready"
        ...     template = "evt.{session_id}.{run}.file.{file_id}.ready"
        >>> Ready.matches("evt.0a.-.file.0b.ready"), Ready.matches("evt.0a.-.file.0b.rejected")
        (True, False)
        """
        tokens, expected = subject.split("."), cls.pattern().split(".")
        return len(tokens) == len(expected) and all(
            wanted in ("*", token) for token, wanted in zip(tokens, expected, strict=True)
        )


class Event(Message):
    """Something that happened. Each event has one subject, so it can be stored once and for ever."""

    stream: ClassVar[str | None] = "EVT"

    event_id: Id = ""
    correlation_id: str = ""
    time: AwareDatetime = Field(default_factory=utc_now)

    @classmethod
    def first(cls, **fields: object) -> Self:
        """Build an event nothing on the bus caused; a correlation starts here."""
        event = cls.model_validate({"correlation_id": new_id(), **fields, "event_id": new_id()})
        return event.model_copy(update={"event_id": derive(cls.type, event.subject())})

    @classmethod
    def caused_by(cls, cause: "Event", **fields: object) -> Self:
        """Build the consequence of another event: same session and correlation, derived id."""
        inherited = {"session_id": cause.session_id, "run_id": cause.run_id}
        return cls.first(**{**inherited, **fields, "correlation_id": cause.correlation_id})
