"""Versions of a session's models: listed, registered, promoted, rolled back, retired."""

from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, model_validator

from services.gateway.context import Gateway, Here, Session
from services.gateway.forecasts.chosen import meant
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, spelled
from services.gateway.registry.versions import Registry, promote, register, registry_of, retire, rollback
from shared.storage.registry_rows import How, ModelVersionRow, Stage
from shared.storage.rows import SessionRow

router = APIRouter(tags=["models"], route_class=IdempotentRoute)
Number = Annotated[int, Field(ge=1, le=1_000_000, description="number of a version")]


class ModelNamed(Wire):
    """A finished model of a run."""

    model: str = Field("best", max_length=255, description="a job id, a model's label, or ``best``")
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"), max_length=64)


class Promotion(Wire):
    """Which version becomes champion: one of the registry, or a model that is registered with it."""

    version: Number | None = None
    model: str | None = Field(None, max_length=255, description="a job id, a model's label, or ``best``")
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"), max_length=64)
    reason: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.version is None) == (self.model is None):
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


class Versions(Answer):
    """The registry of a session: versions, newest first, and what happened to them."""

    champion: int | None = Field(description="the version forecasts are made with; null = best of newest run")
    versions: list[Version]
    changes: list[StageChange]

    @classmethod
    def of(cls, registry: Registry) -> "Versions":
        """Return a registry as clients read it."""
        return cls(
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
async def list_versions(gateway: Here, session: Session) -> Versions:
    """Return the session's versions with their stages, and the log of promotions."""
    return Versions.of(await registry_of(gateway, session))


@router.post("/models/{sid}")
async def register_model(body: ModelNamed, gateway: Here, session: Session) -> OneVersion:
    """Give a finished model a version, as a candidate; one that has a version keeps it."""
    job = await meant(gateway, session, body.run_id, body.model)
    row = await register(gateway, session, job)
    return OneVersion(version=Version.of(row, await registry_of(gateway, session)))


@router.get("/models/{sid}/{number}")
async def read_version(
    number: Annotated[int, Path(ge=1, le=1_000_000)], gateway: Here, session: Session
) -> OneVersion:
    """Return one version."""
    registry = await registry_of(gateway, session)
    return OneVersion(version=Version.of(registry.version(number), registry))


@router.post("/models/{sid}/promote")
async def promote_model(body: Promotion, gateway: Here, session: Session) -> Versions:
    """Make a version champion: forecasts that name no model are made with it; the one before is retired."""
    row = await _named(gateway, session, body)
    return Versions.of(await promote(gateway, session, row, reason=body.reason))


@router.post("/models/{sid}/rollback")
async def roll_back(body: Rollback, gateway: Here, session: Session) -> Versions:
    """Make the champion before the present one champion again."""
    return Versions.of(await rollback(gateway, session, reason=body.reason))


@router.post("/models/{sid}/retire")
async def retire_model(body: Retirement, gateway: Here, session: Session) -> Versions:
    """Retire a version that is not the champion."""
    registry = await registry_of(gateway, session)
    row = registry.version(body.version)
    return Versions.of(await retire(gateway, session, row, reason=body.reason))


async def _named(gateway: Gateway, session: SessionRow, body: Promotion) -> ModelVersionRow:
    if body.version is not None:
        return (await registry_of(gateway, session)).version(body.version)
    job = await meant(gateway, session, body.run_id, body.model or "best")
    return await register(gateway, session, job)
