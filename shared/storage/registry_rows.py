"""The registry of a session's models: numbered versions, and a log of which of them took which stage when.

Both are only ever added to. Their ids follow from session and number: of two writers one has it.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import JsonValue

from shared.contracts.base import derive
from shared.contracts.kinds import JobKind
from shared.storage.records import Row

Stage = Literal["candidate", "champion", "retired"]
How = Literal["hand", "rule", "rollback"]


class ModelVersionRow(Row):
    """One model of the registry: which job made it, and by which passport it is known."""

    table: ClassVar[str] = "model_versions"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id", "number"), ("job_id",))

    session_id: str
    number: int
    run_id: str
    job_id: str
    kind: JobKind
    label: str
    passport_sha256: str | None = None

    @staticmethod
    def id_of(session_id: str, number: int) -> str:
        """Return the id of a session's version."""
        return derive("model-version", session_id, str(number))


class StageChangeRow(Row):
    """A version took a stage; ``number`` counts the changes of the session."""

    table: ClassVar[str] = "stage_changes"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id", "number"),)

    session_id: str
    number: int
    version: int
    stage: Stage
    how: How = "hand"
    reason: str = ""
    details: dict[str, JsonValue] = {}

    @staticmethod
    def id_of(session_id: str, number: int) -> str:
        """Return the id of a session's change."""
        return derive("stage-change", session_id, str(number))


class PromotionRuleRow(Row):
    """When a session's newest best model takes the champion's place by itself; a session has one or none.

    ``seen`` names the rows and models that were looked at last, ``judged`` is the newest verdict on them.
    """

    table: ClassVar[str] = "promotion_rules"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id",),)

    session_id: str
    days: int
    level: float
    seen: str = ""
    judged: dict[str, JsonValue] = {}

    @staticmethod
    def id_of(session_id: str) -> str:
        """Return the id of a session's rule."""
        return derive("promotion-rule", session_id)


def champion_of(changes: Iterable[StageChangeRow]) -> int | None:
    """Return the version forecasts are made with, or None where nobody was promoted.

    Parameters
    ----------
    changes
        In the order of their numbers.
    """
    champion: int | None = None
    for change in changes:
        if change.stage == "champion":
            champion = change.version
        elif change.version == champion:
            champion = None
    return champion


def stages_of(changes: Iterable[StageChangeRow]) -> dict[int, Stage]:
    """Return the stage of every version that ever left "candidate": a new champion retires the one before.

    >>> own = {"owner": "o", "session_id": "s", "id": "x"}
    >>> log = [StageChangeRow(number=n, version=v, stage="champion", **own) for n, v in ((1, 1), (2, 2))]
    >>> stages_of(log)
    {1: 'retired', 2: 'champion'}
    """
    stages: dict[int, Stage] = {}
    for change in changes:
        if change.stage == "champion":
            stages |= {version: "retired" for version, stage in stages.items() if stage == "champion"}
        stages[change.version] = change.stage
    return stages


def champion_before(changes: Iterable[StageChangeRow]) -> int | None:
    """Return the version that a rollback makes champion: the one whose place the champion took.

    Rolling back twice goes back two champions, not to and fro: what was rolled back is left out.

    >>> own = {"owner": "o", "session_id": "s", "id": "x", "stage": "champion"}
    >>> log = [StageChangeRow(number=n, version=n, **own) for n in (1, 2, 3)]
    >>> back = StageChangeRow(number=4, version=2, how="rollback", **own)
    >>> champion_before(log), champion_before([*log, back])
    (2, 1)
    """
    line: list[int] = []
    for change in changes:
        if change.stage != "champion":
            continue
        if change.how == "rollback":
            while line and line[-1] != change.version:
                line.pop()
        if not line or line[-1] != change.version:
            line.append(change.version)
    return line[-2] if len(line) > 1 else None
