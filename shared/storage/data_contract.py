"""The data contract of a model: how its series were read, then and now."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from shared.contracts.data_contract import SeriesContract
from shared.contracts.specs import DatasetSpec
from shared.errors import InvalidInput
from shared.storage.records import OneOf, Records
from shared.storage.rows import FileRow, SeriesRow

CHECKED = ("column", "step_minutes", "timezone", "interval_end_minutes")


class InputsChanged(InvalidInput):
    """The series are not read any more as they were when the model was trained."""

    code = "INPUTS_CHANGED"
    advice = (
        "Train again on the series as they are now, or upload the file as it was read before; "
        "GET /api/training/models/{sid}/{number}/manifest has the contract of the model.",
    )


async def files_of(records: Records, series: Sequence[SeriesRow]) -> dict[str, FileRow]:
    """Return the files of some series, by their ids."""
    wanted = OneOf(tuple({row.file_id for row in series}))
    return {file.id: file for file in await records.select(FileRow, {"id": wanted})}


def data_contract(
    spec: DatasetSpec, series: Sequence[SeriesRow], files: Mapping[str, FileRow]
) -> tuple[SeriesContract, ...]:
    """Return how the series of a data set are read; those that were deleted are left out."""
    rows = {row.id: row for row in series}
    return tuple(
        _contract(one.name, one.role, rows[one.series_id], files.get(rows[one.series_id].file_id))
        for one in spec.series
        if one.series_id in rows
    )


def check_contract(then: Sequence[SeriesContract], now: Sequence[SeriesContract]) -> None:
    """Refuse series that are read otherwise than a model expects; what nobody knew then is not compared.

    Raises
    ------
    InputsChanged
        Naming the series and what differs.
    """
    current = {(one.series_id, one.role, one.name): one for one in now}
    for old in then:
        new = current.get((old.series_id, old.role, old.name))
        if new is None:  # deleted: whoever needs it says so
            continue
        for field in CHECKED:
            before, after = getattr(old, field), getattr(new, field)
            if before is not None and before != after:
                raise InputsChanged(
                    f"{old.name!r}: its {field.replace('_', ' ')} was {before} when the model was trained, "
                    f"and is {after}",
                    field=field,
                    series=old.name,
                    then=before,
                    now=after,
                )


def _contract(name: str, role: str, row: SeriesRow, file: FileRow | None) -> SeriesContract:
    facts = row.quality.get("file")
    read: Mapping[str, JsonValue] = facts if isinstance(facts, dict) else {}
    told: Mapping[str, JsonValue] = file.options if file else {}
    usual_s = _number(
        row.quality.get("step_s")
    )  # not the mean distance: a gap, or rows after one, changes that
    return SeriesContract(
        series_id=row.id,
        name=name,
        role=role,
        column=row.name,
        file_name=file.file_name if file else None,
        step_minutes=usual_s / 60 if usual_s else None,
        timezone=_text(read.get("timezone") or told.get("timezone")),
        interval_end_minutes=_number(told.get("interval_end_minutes")),
        lowest=_number(row.statistics.get("min")),
        highest=_number(row.statistics.get("max")),
    )


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
