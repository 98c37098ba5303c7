"""What new rows of a file must be like: the columns, the step and the sizes it has shown so far."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import JsonValue

from services.ingest.core.options import ReadOptions
from services.ingest.core.read import SeriesRead, read_file
from shared.errors import InvalidInput
from shared.series.row_clock import row_clock
from shared.series.series import Series

FAR = 100.0  # times the largest size seen: more looks like another unit


class RowsDiffer(InvalidInput):
    """New rows have other columns, another step or another unit than the file they are for."""

    code = "ROWS_DIFFER"


class RowsBeforeStart(InvalidInput):
    """New rows lie before the first row of the file."""

    code = "ROWS_BEFORE_START"
    advice = ("Upload a file that begins earlier, and train on that.",)


def read_rows(
    text: bytes,
    known: Sequence[Series],
    *,
    options: Mapping[str, JsonValue],
    facts: Mapping[str, JsonValue],
    file_name: str,
    trust_values: bool,
) -> list[Series]:
    """Read rows as the file was read and hold them against it.

    Parameters
    ----------
    known
        The file's series so far, in the order of its columns.
    options, facts
        What the user said when the file was uploaded, and what was found out then.
    trust_values
        Take values of another size than all before.

    Raises
    ------
    InvalidInput
        One of `problems.py` where they cannot be read; ``RowsDiffer`` and ``RowsBeforeStart`` where they do
        not fit: the message says what differs.
    """
    learned = {name: facts.get(name) for name in ("timezone", "day_first")}
    learned["category_values"] = facts.get("categories") or None
    settings = {name: value for name, value in learned.items() if value is not None} | dict(options)
    found = read_file(text, options=ReadOptions.from_json(settings), file_name=file_name)
    fresh = _same_columns(found, known)
    zone = str(facts.get("timezone") or "UTC")
    for ours, theirs in zip(fresh, known, strict=True):
        _require_step(ours, theirs, zone)
        if not trust_values:
            _require_size(ours, theirs)
    return fresh


def _same_columns(found: Sequence[SeriesRead], known: Sequence[Series]) -> list[Series]:
    by_name = {one.series.name: one.series for one in found}
    wanted = [series.name for series in known]
    missing = [name for name in wanted if name not in by_name]
    unknown = [name for name in by_name if name not in wanted]
    if missing or unknown:
        differences = [f"{name!r} is missing" for name in missing] + [
            f"{name!r} is not of the file" for name in unknown
        ]
        raise RowsDiffer(
            f"the columns differ: {', '.join(differences)}; the file has {', '.join(map(repr, wanted))}",
            suggestions=("Send the columns of the file under the names they had at upload.",),
            field="columns",
            missing=list(missing),
            unknown=list(unknown),
        )
    series = [by_name[name] for name in wanted]
    if any(
        (ours.issued_ns is None) != (theirs.issued_ns is None)
        for ours, theirs in zip(series, known, strict=True)
    ):
        raise RowsDiffer("archived forecasts have issue times, measurements have none", field="columns")
    return series


def _require_step(fresh: Series, known: Series, zone: str) -> None:
    first = int(fresh.times_ns[0])
    if first < int(known.times_ns[0]):
        raise RowsBeforeStart(
            f"the row at {_stamp(first)} lies before the first of the file, {_stamp(int(known.times_ns[0]))}",
            field="time",
            row=_stamp(first),
        )
    clock = row_clock(np.unique(known.times_ns), zone)
    if not clock.exact or clock.calendar is not None or len(known) < 2:
        return
    beside = (fresh.times_ns - clock.origin_ns) % clock.step_ns != 0
    if beside.any():
        at, minutes = _stamp(int(fresh.times_ns[np.argmax(beside)])), clock.step_ns / 6e10
        raise RowsDiffer(
            f"{fresh.name!r}: the row at {at} lies beside the file's steps of {minutes:g} minutes",
            suggestions=(
                "Send rows at the file's own step.",
                "If the clock differs, correct the zone of the stamps.",
            ),
            field="time",
            row=at,
            step_minutes=minutes,
        )


def _require_size(fresh: Series, known: Series) -> None:
    seen, now = (np.abs(s.values[np.isfinite(s.values)]) for s in (known, fresh))
    if not len(seen) or not len(now) or seen.max() == 0:
        return
    if now.max() > FAR * seen.max() or 0 < np.median(now) < np.median(seen) / (10 * FAR):
        raise RowsDiffer(
            f"{fresh.name!r}: values around {np.median(now):.4g}; those of the file are around "
            f"{np.median(seen):.4g}: another unit?",
            suggestions=(
                "Send values in the unit of the file.",
                "If they are right, send trust_values: true.",
            ),
            field=fresh.name,
        )


def _stamp(at_ns: int) -> str:
    return f"{np.datetime64(at_ns // 10**9, 's')}Z"
