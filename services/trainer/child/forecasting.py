"""What the child does for a forecast of the future; models, data sets and rows are opened once and kept."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import JsonValue

from services.trainer.child.calibration import (
    DATASETS_KEPT,
    folds_of,
    live_intervals,
    opened_dataset,
    opened_rows,
)
from services.trainer.child.protocol import (
    BackcastOutcome,
    BackcastTask,
    ForecastOutcome,
    ForecastTask,
)
from services.trainer.child.tasks import remembered_forecaster
from services.trainer.core.forecast import (
    Json,
    forecast_future,
    kept_steps,
    local_stamp,
    outputs_to_json,
    rows_to_json,
    template_to_json,
)
from shared.series.arrays import Int64
from shared.series.problems import UnknownSeries
from shared.series.series import Series
from shared.windows.dataset import Dataset
from shared.windows.upcoming import (
    FutureValuesMalformed,
    future_stamps,
    missing_stamps,
    newest_reference,
    past_windows,
    reference_at,
    with_future,
)


def forecast(task: ForecastTask) -> ForecastOutcome:
    """Answer a forecast, or what one would need."""
    started = time.perf_counter()
    dataset = opened_dataset(task.dataset, folds_of(task))
    series = {series_id: opened_rows(path) for series_id, path in task.rows.items()}
    if task.at is None:
        ref_ns = _newest(task.dataset, folds_of(task), tuple(sorted(task.rows.items())))
    else:
        ref_ns = reference_at(dataset, _moment(task.at, task.zone))
    stamps = future_stamps(dataset, ref_ns)
    document: Json = {"reference_time": local_stamp(ref_ns, task.zone), "timezone": task.zone}
    if task.template_only:
        missing = missing_stamps(dataset, series, ref_ns)
        document["inputs"] = template_to_json(dataset, stamps, missing, task.zone)
    else:
        document |= _forecast(task, dataset, series, ref_ns, stamps)
    return ForecastOutcome(document=document, seconds=time.perf_counter() - started)


def backcast(task: BackcastTask) -> BackcastOutcome:
    """Write what a model would have forecast at moments of the past."""
    started = time.perf_counter()
    dataset = opened_dataset(task.dataset, folds_of(task))
    series = {series_id: opened_rows(path) for series_id, path in task.rows.items()}
    ref_ns = np.array(task.ref_ns, dtype=np.int64)
    complete, x = past_windows(dataset, series, ref_ns)
    y_pred = np.full((len(ref_ns), dataset.spec.output_steps, len(dataset.spec.outputs)), np.nan)
    y_pred[complete] = remembered_forecaster(task.model, task.passport_sha256).forecast_scaled(x)
    np.savez(task.output, ref_ns=ref_ns, y_pred=y_pred)
    return BackcastOutcome(n_complete=int(complete.sum()), seconds=time.perf_counter() - started)


@lru_cache(maxsize=DATASETS_KEPT)
def _newest(folder: Path, backtest: str | None, rows: tuple[tuple[str, Path], ...]) -> int:
    return newest_reference(
        opened_dataset(folder, backtest), {series_id: opened_rows(path) for series_id, path in rows}
    )


def _forecast(
    task: ForecastTask,
    dataset: Dataset,
    series: Mapping[str, Series],
    ref_ns: int,
    stamps: Mapping[str, Int64],
) -> Json:
    n_steps = kept_steps(dataset, ref_ns, task.horizon_hours)
    given = _future(task, stamps)
    extended = with_future(dataset, series, ref_ns, given)
    intervals, n_later = live_intervals(task, ref_ns)
    found = forecast_future(
        dataset, remembered_forecaster(task.model, task.passport_sha256), intervals, extended, ref_ns
    )
    read, filled = rows_to_json(
        found.upcoming, [extended[s.series_id] for s in dataset.spec.inputs], task.zone
    )
    unknown: list[JsonValue] = [  # validation has too few windows for these
        round(100 * level, 6) for k, level in enumerate(found.levels) if not np.isfinite(found.lower[k]).any()
    ]
    return {
        "levels": [round(100 * level, 6) for level in task.levels],
        "levels_unknown": unknown,
        "n_validation": intervals.n_windows,
        "n_later": n_later,
        "horizon_hours": float(found.times_ns[n_steps - 1].max() - ref_ns) / 3.6e12,
        "outputs": outputs_to_json(dataset, found, n_steps, task.zone),
        "rows_read": read,
        "filled": filled,
        "future": {
            name: {local_stamp(at, task.zone): value for at, value in sorted(values.items())}
            for name, values in given.items()
        },
    }


def _future(task: ForecastTask, stamps: Mapping[str, Int64]) -> dict[str, dict[int, float]]:
    """Return the values a request gives for the future, by moment; null keeps what the rows say."""
    found: dict[str, dict[int, float]] = {}
    for name, given in task.future.items():
        if name not in stamps:
            known = ", ".join(sorted(stamps)) or "none"
            raise UnknownSeries(
                f"{name!r} is no input that is known in advance; these are: {known}",
                suggestions=("Take it out of `future`, or correct its name.",),
                field="future",
                series=name,
            )
        if isinstance(given, dict):
            found[name] = {_moment(stamp, task.zone): value for stamp, value in given.items()}
            continue
        if len(given) != len(stamps[name]):
            raise FutureValuesMalformed(
                f"{name!r} needs {len(stamps[name])} values, one per stamp; {len(given)} came",
                field="future",
                series=name,
            )
        pairs = zip(stamps[name].tolist(), given, strict=True)
        found[name] = {at: value for at, value in pairs if value is not None}
    return found


def _moment(stamp: str, zone: str) -> int:
    """Return the moment an ISO 8601 stamp names; without offset it is told by the clock of a zone."""
    try:
        moment = datetime.fromisoformat(stamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        raise FutureValuesMalformed(
            f"{stamp[:40]!r} is no moment",
            suggestions=("Write ISO 8601, such as 2026-01-31T06:00:00+01:00.",),
            field="at",
        ) from None
