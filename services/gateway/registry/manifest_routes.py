"""Signed manifests of registered models, and the key they are signed with."""

import asyncio
import json
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, JsonValue

from services.gateway.context import ObjectsDep, RecordsDep, Session, SettingsDep
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer
from services.gateway.problems import NothingThere
from services.gateway.registry.versions import PASSPORT, registry_of
from services.gateway.settings import GatewaySettings
from shared.errors import Unavailable
from shared.fingerprint import FileFacts
from shared.storage.manifest import KEY_FILE, Manifest, key_id, private_key, sign, stored_key, to_pem
from shared.storage.records import OneOf, Records
from shared.storage.rows import DatasetRow, FileRow, JobRow, SeriesRow
from shared.storage.verified import digest_in, get_verified

router = APIRouter(tags=["models"], route_class=IdempotentRoute)


class SigningNotConfigured(Unavailable):
    """Models cannot be signed: there is no key and no folder to make one in."""

    code = "SIGNING_NOT_CONFIGURED"
    advice = ("Set TRAINYARD_GATEWAY_SIGNING_KEY to an Ed25519 private key in PEM (openssl genpkey).",)


class EnvelopeSignature(BaseModel):
    """One signature."""

    keyid: str = Field(description="SHA-256 of the public key")
    sig: str = Field(description="Ed25519, base64")


class SignedManifest(Answer):
    """A DSSE envelope; ``trainyard verify`` reads it."""

    payloadType: str  # noqa: N815 - DSSE's word
    payload: str = Field(
        description="the manifest as JSON, base64: files with hashes, passport, data contract"
    )
    signatures: list[EnvelopeSignature]


class SigningKey(Answer):
    """The public key of this installation."""

    algorithm: str = "Ed25519"
    key_id: str
    public_key: str = Field(description="PEM")


@router.get("/models/{sid}/{number}/manifest")
async def read_manifest(
    number: Annotated[int, Path(ge=1, le=1_000_000)],
    records: RecordsDep,
    objects: ObjectsDep,
    settings: SettingsDep,
    session: Session,
) -> SignedManifest:
    """Return the signed manifest of a version: whether a downloaded file is what was trained."""
    version = (await registry_of(records, session)).version(number)
    job = await records.get(JobRow, version.job_id)
    if job is None or job.status != "finished":
        raise NothingThere(f"the model of version {number} is gone", version=number)
    files = {
        name: FileFacts(size_bytes=int(str(entry["size_bytes"])), sha256=str(entry["sha256"]))
        for name, entry in sorted(job.files.items())
        if isinstance(entry, dict)
    }
    entry = job.files.get(PASSPORT)
    passport: dict[str, JsonValue] | None = None
    if isinstance(entry, dict):
        stored = await get_verified(objects, str(entry["key"]), digest_in(job.files, PASSPORT))
        passport = json.loads(stored)
    manifest = Manifest(
        session_id=session.id,
        run_id=job.run_id,
        job_id=job.id,
        version=number,
        model=job.label,
        kind=job.kind,
        passport_sha256=version.passport_sha256,
        passport=passport,
        files=files,
        contract=await _contract(records, job),
    )
    key = await asyncio.to_thread(signing_key, settings)
    return SignedManifest.model_validate(sign(manifest, key).model_dump(mode="json"))


@router.get("/signing-key")
async def read_signing_key(settings: SettingsDep) -> SigningKey:
    """Return the public key manifests of this installation are signed with."""
    public = (await asyncio.to_thread(signing_key, settings)).public_key()
    return SigningKey(key_id=key_id(public), public_key=to_pem(public))


def signing_key(settings: GatewaySettings) -> Ed25519PrivateKey:
    """Return the key of this installation: from the settings, or from its data folder.

    Raises
    ------
    SigningNotConfigured, SigningKeyUnusable
    """
    if settings.gateway_signing_key is not None:
        return private_key(settings.gateway_signing_key.get_secret_value().encode())
    if settings.data_dir is None:
        raise SigningNotConfigured("this installation has no key to sign models with")
    return _stored(settings.data_dir / KEY_FILE)


@lru_cache(maxsize=8)
def _stored(path: FilePath) -> Ed25519PrivateKey:
    return stored_key(path)


async def _contract(records: Records, job: JobRow) -> list[dict[str, JsonValue]]:
    """Return how the model's data must look: per series its role, window, file and how that is read."""
    dataset = await records.get(DatasetRow, job.dataset_id)
    if dataset is None:
        return []
    wanted = OneOf(tuple({one.series_id for one in dataset.spec.series}))
    rows = {row.id: row for row in await records.select(SeriesRow, {"id": wanted})}
    ids = OneOf(tuple({row.file_id for row in rows.values()}))
    files = {file.id: file for file in await records.select(FileRow, {"id": ids})}
    contract = []
    for one in dataset.spec.series:
        told: dict[str, JsonValue] = one.model_dump(mode="json")
        if row := rows.get(one.series_id):
            file = files.get(row.file_id)
            told |= {
                "column": row.name,
                "file_name": file.file_name if file else None,
                "options": file.options if file else {},
                "file": row.quality.get("file"),
            }
        contract.append(told)
    return contract
