"""Versions and stages in the ledger: each write claims the next number, so of two at once both are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from services.gateway.problems import InvalidModelParams, NothingThere, wrong_field
from shared.errors import Conflict, Unavailable
from shared.storage.connect import Storage
from shared.storage.records import Records
from shared.storage.registry_rows import (
    How,
    ModelVersionRow,
    Stage,
    StageChangeRow,
    champion_before,
    champion_of,
    stages_of,
)
from shared.storage.rows import JobRow, SessionRow

_TRIES = 16  # writers that come at once
PASSPORT = "passport.json"


class NoEarlierChampion(Conflict):
    """A rollback needs a version that was champion before."""

    code = "NO_EARLIER_CHAMPION"
    advice = ("Promote the version you want: POST /api/training/models/{sid}/promote.",)


class RegistryBusy(Unavailable):
    """Too many changes of one registry at the same time."""

    code = "REGISTRY_BUSY"
    advice = ("Send the request again.",)


@dataclass(frozen=True)
class Registry:
    """What is known of a session's models, in the order of their numbers."""

    versions: Sequence[ModelVersionRow]
    changes: Sequence[StageChangeRow]

    @cached_property
    def champion(self) -> ModelVersionRow | None:
        """The version forecasts are made with."""
        number = champion_of(self.changes)
        return next((row for row in self.versions if row.number == number), None)

    def version_of(self, job: JobRow) -> ModelVersionRow | None:
        """Return the version of a finished model, None if it was not registered as it is now."""
        passport = passport_of(job)
        mine = (row for row in self.versions if (row.job_id, row.passport_sha256) == (job.id, passport))
        return next(mine, None)

    def stage(self, version: ModelVersionRow) -> Stage:
        """Return the stage of a version."""
        return stages_of(self.changes).get(version.number, "candidate")

    def version(self, number: int) -> ModelVersionRow:
        """Return a version by number.

        Raises
        ------
        NothingThere
        """
        found = next((row for row in self.versions if row.number == number), None)
        if found is None:
            known = ", ".join(str(row.number) for row in self.versions) or "none"
            raise NothingThere(
                f"there is no version {number} in this session; known: {known}", field="version"
            )
        return found


def passport_of(job: JobRow) -> str | None:
    """Return the digest of the passport of a finished model."""
    entry = job.files.get(PASSPORT)
    return str(entry["sha256"]) if isinstance(entry, dict) else None


async def registry_of(records: Records, session: SessionRow) -> Registry:
    """Return the registry of a session."""
    mine = {"session_id": session.id}
    return Registry(
        await records.select(ModelVersionRow, mine, order="number"),
        await records.select(StageChangeRow, mine, order="number"),
    )


async def register(records: Records, service: Storage, session: SessionRow, job: JobRow) -> ModelVersionRow:
    """Return the version of a finished model; one without gets the next number, as a candidate."""
    passport = passport_of(job)
    for _ in range(_TRIES):
        versions = await records.select(ModelVersionRow, {"session_id": session.id}, order="number")
        for known in versions:
            if known.job_id == job.id and known.passport_sha256 == passport:
                return known
        number = versions[-1].number + 1 if versions else 1
        row = ModelVersionRow(
            id=ModelVersionRow.id_of(session.id, number),
            owner=session.owner,
            session_id=session.id,
            number=number,
            run_id=job.run_id,
            job_id=job.id,
            kind=job.kind,
            label=job.label,
            passport_sha256=passport,
        )
        if await service.of_owner(session.owner).records.insert([row]):
            return row
    raise RegistryBusy("other models of this session kept being registered")


async def promote(
    records: Records,
    service: Storage,
    session: SessionRow,
    version: ModelVersionRow,
    *,
    how: How = "hand",
    reason: str = "",
    details: dict[str, JsonValue] | None = None,
    instead_of: int | None = None,
) -> Registry:
    """Make a version the champion; the one before is retired. A champion stays what it is.

    With ``instead_of`` nothing changes unless that version is champion.
    """
    for _ in range(_TRIES):
        known = await registry_of(records, session)
        champion = champion_of(known.changes)
        if champion == version.number or instead_of not in (None, champion):
            return known
        if await _change(service, session, known, version.number, "champion", how, reason, details or {}):
            return await registry_of(records, session)
    raise RegistryBusy("other versions of this session kept changing")


async def rollback(records: Records, service: Storage, session: SessionRow, *, reason: str) -> Registry:
    """Make the champion before the present one champion again; the present one is retired.

    Raises
    ------
    NoEarlierChampion
    """
    for _ in range(_TRIES):
        known = await registry_of(records, session)
        earlier = champion_before(known.changes)
        if earlier is None:
            raise NoEarlierChampion("no version of this session was champion before the present one")
        if await _change(service, session, known, earlier, "champion", "rollback", reason, {}):
            return await registry_of(records, session)
    raise RegistryBusy("other versions of this session kept changing")


async def retire(
    records: Records, service: Storage, session: SessionRow, version: ModelVersionRow, *, reason: str
) -> Registry:
    """Retire a version; the champion cannot be without another in its place.

    Raises
    ------
    InvalidInput
        If it is the champion.
    """
    for _ in range(_TRIES):
        known = await registry_of(records, session)
        if champion_of(known.changes) == version.number:
            message = "is the champion: promote another version, which retires this one"
            raise wrong_field(InvalidModelParams, "version", message)
        if known.stage(version) == "retired":
            return known
        if await _change(service, session, known, version.number, "retired", "hand", reason, {}):
            return await registry_of(records, session)
    raise RegistryBusy("other versions of this session kept changing")


async def _change(
    service: Storage,
    session: SessionRow,
    known: Registry,
    version: int,
    stage: Stage,
    how: How,
    reason: str,
    details: dict[str, JsonValue],
) -> bool:
    """Add a change after those that are known; False if somebody else added one meanwhile."""
    number = known.changes[-1].number + 1 if known.changes else 1
    row = StageChangeRow(
        id=StageChangeRow.id_of(session.id, number),
        owner=session.owner,
        session_id=session.id,
        number=number,
        version=version,
        stage=stage,
        how=how,
        reason=reason,
        details=details,
    )
    return await service.of_owner(session.owner).records.insert([row]) == 1
