"""Scalings and windows of a session's newest data set."""

import io
import json
import zipfile
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field, JsonValue

from services.gateway.context import ObjectsDep, RecordsDep, RoomDep, Session, WorkersDep
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Earlier, EarlierAnswer, YesNo, remarks, spelled
from services.gateway.problems import NothingThere, ValidationFailed, wrong_field
from services.gateway.results.routes import stored_file
from services.gateway.runs.lifecycle import newest_dataset
from services.gateway.workers import Workers
from shared.contracts.specs import Role
from shared.storage.records import Records
from shared.storage.rows import DatasetRow, ScalerRow, SessionRow

router = APIRouter(tags=["plots and data"], route_class=IdempotentRoute)


class Scaler(BaseModel):
    """The scaling of one column: z = (x - lo) / (hi - lo) * (max - min) + min."""

    role: Role
    position: int
    name: str
    lo: float | None = None
    hi: float | None = None
    min: float | None = None
    max: float | None = None

    def slope(self) -> float | None:
        """Return by how much a scaled value grows with the original; None where nothing is scaled."""
        if self.lo is None or self.hi is None or self.min is None or self.max is None or self.lo == self.hi:
            return None
        return (self.max - self.min) / (self.hi - self.lo)


class Scalers(Answer):
    """The scalings of a data set: a list, and in ``data`` by side and position."""

    session_id: str
    dataset_id: str
    scalers: list[Scaler]
    data: dict[str, Any] = Field(description="input and output by position, and metadata")


class Scaled(EarlierAnswer):
    """Numbers after scaling."""

    session_id: str
    dataset_id: str
    scaled_data: JsonValue = Field(description="rows or columns, as they came")
    data: dict[str, list[float | None]] = Field(description="by column")
    scaling_info: dict[str, Any]
    metadata: dict[str, JsonValue]


Numbers = dict[str, list[float | None]] | list[list[float | None]]


class ScaleData(Earlier):
    """Numbers to be scaled with the scalers of a data set."""

    data: Numbers = Field(
        validation_alias=spelled("data", "input_data"), description="columns by name, or rows of all inputs"
    )
    inverse: YesNo = False
    save_scaled: YesNo = False

    def columns(self, names: list[str]) -> dict[str, list[float | None]]:
        """Return the numbers by column; rows have one value for each of ``names``."""
        if isinstance(self.data, dict):
            return self.data
        wrong = next((n for n, row in enumerate(self.data) if len(row) != len(names)), None)
        if wrong is not None:
            message = f"has {len(self.data[wrong])} values; needed are {len(names)}: {', '.join(names)}"
            raise wrong_field(ValidationFailed, f"input_data.{wrong}", message)
        return {name: [row[place] for row in self.data] for place, name in enumerate(names)}


@router.get("/scalers/{sid}")
async def scalers(sid: str, records: RecordsDep, workers: WorkersDep, session: Session) -> Scalers:
    """Return the fitted scalings of the newest data set as plain numbers."""
    dataset, found = await _scalers(records, workers, session)
    return Scalers(session_id=sid, dataset_id=dataset.id, scalers=found, data=by_side(found))


@router.get("/scalers/{sid}/download", response_class=Response)
async def download_scalers(sid: str, records: RecordsDep, workers: WorkersDep, session: Session) -> Response:
    """Return the same as a zip of two JSON files, ``i_scale_<time>.json`` and ``o_scale_<time>.json``."""
    dataset, found = await _scalers(records, workers, session)
    stamp = f"{dataset.created_at:%Y%m%d_%H%M%S}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for side, short in (("input", "i"), ("output", "o")):
            own = [one.model_dump(mode="json") for one in found if one.role == side]
            archive.writestr(f"{short}_scale_{stamp}.json", json.dumps(own, indent=1, ensure_ascii=False))
    headers = {"content-disposition": f'attachment; filename="scalers_{sid}_{stamp}.zip"'}
    return Response(file.getvalue(), media_type="application/zip", headers=headers)


async def _scalers(
    records: Records, workers: Workers, session: SessionRow
) -> tuple[DatasetRow, list[Scaler]]:
    """Return the scalings as the ledger has them; the data set service reads them from the arrays else."""
    dataset = await built_dataset(records, session)
    rows = await records.select(ScalerRow, {"dataset_id": dataset.id}, order="position")
    found: list[Any] = [
        {"role": row.role, "position": row.position, "name": row.name, **row.parameters} for row in rows
    ]
    if not found:
        found = (await workers.ask("datasets.scalers", _about(session, dataset)))["scalers"]
    return dataset, [Scaler.model_validate(one) for one in found]


def by_side(found: list[Scaler]) -> dict[str, Any]:
    """Return scalings as the earlier frontend reads them: by side and position, with what they are of."""
    sides: dict[str, Any] = {"input": {}, "output": {}}
    metadata: dict[str, int] = {}
    for one in sorted(found, key=lambda one: one.position):
        scale = one.slope()
        sides[one.role][str(one.position)] = {
            "feature": one.name, "data_min": one.lo, "data_max": one.hi, "scale": scale,
            "min": one.min, "max": one.max, "feature_range": [one.min, one.max],
        }  # fmt: skip
        metadata[f"{one.role}_features"] = metadata.get(f"{one.role}_features", 0) + 1
        n_scaled = metadata.get(f"{one.role}_features_scaled", 0)
        metadata[f"{one.role}_features_scaled"] = n_scaled + (scale is not None)
    return {**sides, "metadata": metadata}


@router.post("/scale-data/{sid}")
async def scale_data(
    sid: str, body: ScaleData, records: RecordsDep, workers: WorkersDep, session: Session
) -> Scaled:
    """Return numbers scaled with the newest data set's scalers, or back in their units."""
    dataset, found = await _scalers(records, workers, session)
    inputs = [one.name for one in sorted(found, key=lambda one: one.position) if one.role == "input"]
    columns = body.columns(inputs)
    values: dict[str, JsonValue] = {name: list[JsonValue](column) for name, column in columns.items()}
    about = {**_about(session, dataset), "inverse": body.inverse, "data": values}
    told: dict[str, Any] = await workers.ask("datasets.scale", about)
    scaled: dict[str, list[float | None]] = told.get("data", told.get("scaled", {}))
    lines = zip(*(scaled.get(name, []) for name in columns), strict=False)
    known = {one.name: one for one in reversed(found)}
    n_rows = max((len(column) for column in columns.values()), default=0)
    shape: list[JsonValue] = [n_rows, len(columns)]
    unsaved = ("save_scaled: nothing is stored on the server; the numbers are in this answer",)
    return Scaled(
        session_id=sid,
        dataset_id=dataset.id,
        scaled_data=[list[JsonValue](line) for line in lines] if isinstance(body.data, list) else scaled,
        data=scaled,
        scaling_info={name: _explained(known.get(name)) for name in columns},
        metadata={
            "original_shape": shape, "scaled_shape": shape, "total_features": len(columns),
            "features_scaled": sum(_explained(known.get(name))["scaled"] for name in columns),
            "saved_file_path": None,
        },
        **remarks(body, warnings=unsaved if body.save_scaled else ()),
    )  # fmt: skip


def _explained(one: Scaler | None) -> dict[str, Any]:
    if one is None or one.slope() is None:
        return {"scaled": False, "reason": "scaling is off for this column"}
    return {
        "scaled": True, "original_range": [one.lo, one.hi], "scaled_range": [one.min, one.max],
        "feature_range": [one.min, one.max],
    }  # fmt: skip


@router.get("/download-arrays/{sid}", response_class=StreamingResponse)
async def download_arrays(
    records: RecordsDep,
    objects: ObjectsDep,
    workers: WorkersDep,
    room: RoomDep,
    session: Session,
    scaled: Annotated[bool, Query(description="as models see them; default: in original units")] = False,
) -> StreamingResponse:
    """Return the windows of the newest data set as NumPy arrays (npz): x, y, ref_ns."""
    dataset = await built_dataset(records, session)
    expected = dataset.report.get("estimate")
    n_bytes = expected.get("materialised_bytes") if isinstance(expected, dict) else None
    await room.require(session.owner, session.id, n_bytes if isinstance(n_bytes, int) else 0)
    result = await workers.ask("datasets.arrays", {**_about(session, dataset), "scaled": scaled})
    name, sha256 = f"arrays-{dataset.id[:8]}.npz", result.get("sha256")
    return await stored_file(objects, str(result["key"]), name, "application/octet-stream", sha256)


def _about(session: SessionRow, dataset: DatasetRow) -> dict[str, JsonValue]:
    return {"session_id": session.id, "dataset_id": dataset.id}


async def built_dataset(records: Records, session: SessionRow) -> DatasetRow:
    dataset = await newest_dataset(records, session, of=("ready",))
    if dataset is None:
        raise NothingThere("the session has no finished data set yet")
    return dataset
