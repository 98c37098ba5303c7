"""Versions of a session's models: listed, registered, promoted, rolled back, retired."""

from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, model_validator

from services.gateway.context import RecordsDep, ServiceDep, Session, WorkersDep
from services.gateway.forecasts.chosen import meant
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, spelled
from services.gateway.registry.rules import Judgement, PromotionRule, promote_if_better
from services.gateway.registry.versions import Registry, promote, register, registry_of, retire, rollback
from shared.storage.records import Records
from shared.storage.registry_rows import How, ModelVersionRow, PromotionRuleRow, Stage
from shared.storage.rows import SessionRow

router = APIRouter(tags=["models"], route_class=IdempotentRoute)
Number = Annotated[int, Field(ge=1, le=1_000_000, description="number of a version")]


class ModelNamed(Wire):
    """A finished model of a run."""

    model: str = Field("best", max_length=255, description="a job id, a model's label, or ``best``")
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"), max_length=64)


class Promotion(Wire):
    """Which version becomes champion: one of the registry, or a model that is registered with it.

    With a ``rule`` it does so only if it was better; left out, the candidate is the newest run's best model.
    """

    version: Number | None = None
    model: str | None = Field(None, max_length=255, description="a job id, a model's label, or ``best``")
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"), max_length=64)
    reason: str = Field("", max_length=500)
    rule: PromotionRule | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        told = (self.version is not None) + (self.model is not None)
        if told > 1 or (told == 0 and self.rule is None):
            raise ValueError("send either version or model")
        return self


class Rollback(Wire):
    """Why one goes back."""

    reason: str = Field("", max_length=500)


class Retirement(Wire):
    """Which version is not to be used any more."""

    version: Number
    reason: str = Field("", max_length=500)


class Version(BaseModel):
    """One version of the registry."""

    version: int
    stage: Stage
    run_id: str
    job_id: str
    model: str
    kind: str
    passport_sha256: str | None
    created_at: AwareDatetime

    @classmethod
    def of(cls, row: ModelVersionRow, registry: Registry) -> "Version":
        """Return a row as clients read it."""
        shared = row.model_dump(include={"run_id", "job_id", "kind", "passport_sha256", "created_at"})
        return cls(version=row.number, stage=registry.stage(row), model=row.label, **shared)


class StageChange(BaseModel):
    """A version took a stage."""

    number: int
    version: int
    stage: Stage
    how: How
    reason: str
    details: dict[str, JsonValue]
    created_at: AwareDatetime


class KeptRule(PromotionRule):
    """The rule a session's newest best model is promoted by, and the newest verdict by it."""

    judged: Judgement | None = None


class Versions(Answer):
    """The registry of a session: versions, newest first, and what happened to them."""

    champion: int | None = Field(description="the version forecasts are made with; null = best of newest run")
    versions: list[Version]
    changes: list[StageChange]
    rule: KeptRule | None = Field(None, description="null = models are promoted by hand")
    judgement: Judgement | None = Field(None, description="of the candidate, where a rule was sent")

    @classmethod
    async def of(
        cls, records: Records, session: SessionRow, registry: Registry, judgement: Judgement | None = None
    ) -> "Versions":
        """Return a registry as clients read it, with the rule that is kept."""
        rule = await records.get(PromotionRuleRow, PromotionRuleRow.id_of(session.id))
        return cls(
            judgement=judgement,
            rule=KeptRule(days=rule.days, level=rule.level, judged=rule.judged or None) if rule else None,
            champion=registry.champion.number if registry.champion else None,
            versions=[Version.of(row, registry) for row in reversed(registry.versions)],
            changes=[
                StageChange(**row.model_dump(include=set(StageChange.model_fields)))
                for row in reversed(registry.changes)
            ],
        )


class OneVersion(Answer):
    """One version of the registry."""

    version: Version


@router.get("/models/{sid}")
async def list_versions(records: RecordsDep, session: Session) -> Versions:
    """Return the session's versions with their stages, and the log of promotions."""
    return await Versions.of(records, session, await registry_of(records, session))


@router.post("/models/{sid}")
async def register_model(
    body: ModelNamed, records: RecordsDep, service: ServiceDep, session: Session
) -> OneVersion:
    """Give a finished model a version, as a candidate; one that has a version keeps it."""
    job = await meant(records, session, body.run_id, body.model)
    row = await register(records, service, session, job)
    return OneVersion(version=Version.of(row, await registry_of(records, session)))


@router.get("/models/{sid}/{number}")
async def read_version(
    number: Annotated[int, Path(ge=1, le=1_000_000)], records: RecordsDep, session: Session
) -> OneVersion:
    """Return one version."""
    registry = await registry_of(records, session)
    return OneVersion(version=Version.of(registry.version(number), registry))


@router.post("/models/{sid}/promote")
async def promote_model(
    body: Promotion, records: RecordsDep, workers: WorkersDep, service: ServiceDep, session: Session
) -> Versions:
    """Make a version champion: forecasts that name no model are made with it; the one before is retired.

    With a ``rule`` only if it forecast significantly better than the champion on the last days: the answer's
    ``judgement`` says so, and with which numbers.
    """
    if body.version is not None:
        row = (await registry_of(records, session)).version(body.version)
    else:
        job = await meant(records, session, body.run_id, body.model or "best")
        row = await register(records, service, session, job)
    if body.rule is not None:
        after, found = await promote_if_better(
            records, workers, service, session, body.rule, row, reason=body.reason
        )
        return await Versions.of(records, session, after, found)
    return await Versions.of(
        records, session, await promote(records, service, session, row, reason=body.reason)
    )


@router.put("/models/{sid}/rule")
async def keep_rule(
    body: PromotionRule, records: RecordsDep, service: ServiceDep, session: Session
) -> Versions:
    """Promote the best model of the newest run by itself from now on, whenever it was better."""
    row = PromotionRuleRow(
        id=PromotionRuleRow.id_of(session.id),
        owner=session.owner,
        session_id=session.id,
        days=body.days,
        level=body.level,
    )
    own = service.of_owner(session.owner).records
    if not await own.insert([row]):
        changes = {"days": body.days, "level": body.level, "seen": ""}
        await own.update(PromotionRuleRow, row.id, changes)
    return await Versions.of(records, session, await registry_of(records, session))


@router.delete("/models/{sid}/rule")
async def remove_rule(records: RecordsDep, session: Session) -> Versions:
    """Promote models by hand only."""
    await records.delete(PromotionRuleRow, {"session_id": session.id})
    return await Versions.of(records, session, await registry_of(records, session))


@router.post("/models/{sid}/rollback")
async def roll_back(body: Rollback, records: RecordsDep, service: ServiceDep, session: Session) -> Versions:
    """Make the champion before the present one champion again."""
    return await Versions.of(records, session, await rollback(records, service, session, reason=body.reason))


@router.post("/models/{sid}/retire")
async def retire_model(
    body: Retirement, records: RecordsDep, service: ServiceDep, session: Session
) -> Versions:
    """Retire a version that is not the champion."""
    registry = await registry_of(records, session)
    row = registry.version(body.version)
    return await Versions.of(
        records, session, await retire(records, service, session, row, reason=body.reason)
    )
