"""What became of forecasts of the future: each against truth and seasonal naive, and the last N together.

The truth of a value is what training would have learned there: the data set's own cut of the target's rows.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue

from services.evaluator.core.ranking import skill
from shared.scoring.metrics import naive_error
from shared.series.arrays import Bool, Float64, Int64
from shared.series.resample import Code
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.dataset import Dataset
from shared.windows.series_windows import SeriesWindows

SEASONS_HOURS = (1, 12, 24, 168, 8760)  # hour, half a day, day, week, year
MIN_FORECASTS = 8  # fewer say nothing about a share or a sign
_BAND = 2.0  # standard errors of a share, each forecast counted as one observation


class Coverage(BaseModel):
    """How many true values lay inside the intervals of one level, percent."""

    model_config = ConfigDict(frozen=True)

    level: float
    n: int
    inside: int


class TargetScore(BaseModel):
    """One target of one forecast, in the target's unit; ``n`` values have a truth.

    ``paired_mae`` and ``naive_mae`` are over the ``n_naive`` values the seasonal naive has a forecast for.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    series_id: str
    n: int
    mae: float | None
    rmse: float | None
    bias: float | None
    mase: float | None
    n_naive: int
    paired_mae: float | None
    naive_mae: float | None
    skill: float | None
    season_hours: float | None
    coverage: tuple[Coverage, ...]


class ForecastScore(BaseModel):
    """One forecast against its truth; ``truth`` names the rows it was scored against."""

    model_config = ConfigDict(frozen=True)

    targets: tuple[TargetScore, ...]
    n_missing: int
    complete: bool
    truth: dict[str, str] = {}

    @property
    def n(self) -> int:
        """How many values were scored."""
        return sum(target.n for target in self.targets)


def score_forecast(
    document: Mapping[str, Any], dataset: Dataset, truth: Mapping[str, Series], versions: Mapping[str, str]
) -> ForecastScore:
    """Score a stored forecast as far as its truth has arrived.

    Parameters
    ----------
    document
        As it was stored: ``reference_time``, and per output ``values`` with ``value`` and ``intervals``.
    dataset
        Of the model; it says which rows make up a value, and what MASE is measured in.
    truth
        The newest rows of every target, by series id.
    versions
        Content hash of these rows, kept beside the scores.
    """
    ref_ns = _ns(str(document["reference_time"]))
    targets, n_missing, complete = [], 0, True
    sources = dataset.assembly.sources[len(dataset.spec.inputs) :]
    for k, (source, output) in enumerate(zip(sources, document["outputs"], strict=True)):
        fresh = SeriesWindows(source.rule, truth[source.rule.spec.series_id])
        n_steps = len(output["values"])
        moments = source.rule.window.moments(np.array([ref_ns]), source.rule.calendar)[0]
        times: Int64 = np.broadcast_to(moments, dataset.spec.output_steps)[:n_steps]
        needed = np.maximum(times, ref_ns + source.rule.averaged[1]) if source.rule.averaged else times
        known = fresh.series.times_ns[np.isfinite(fresh.series.values)]
        arrived = needed <= (known[-1] if len(known) else -(2**62))
        y_true = np.where(arrived, _window(fresh, ref_ns, dataset.spec.output_steps)[:n_steps], np.nan)
        season = _season_hours(source, dataset.training_values(k), ref_ns, times)
        naive = _naive(fresh, ref_ns, times, season)
        scale = float(naive_error([dataset.training_values(k)]).value[0])
        targets.append(_target(output, source, y_true, naive, scale, season))
        n_missing += int(np.count_nonzero(arrived & ~np.isfinite(y_true)))
        complete &= bool(arrived.all())
    return ForecastScore(targets=tuple(targets), n_missing=n_missing, complete=complete, truth=dict(versions))


def rolling(scores: Sequence[ForecastScore]) -> list[dict[str, JsonValue]]:
    """Return, per target, the figures of several forecasts of one model together, and what is alarming.

    A share is alarming where it leaves its band: two standard errors around the level, every forecast
    counted as a single observation, since errors within one depend on each other.
    """
    found: list[dict[str, JsonValue]] = []
    for series_id in dict.fromkeys(t.series_id for score in scores for t in score.targets):
        own = [t for score in scores for t in score.targets if t.series_id == series_id and t.n]
        if own:
            found.append(_rolled(own))
    return found


def _rolled(own: Sequence[TargetScore]) -> dict[str, JsonValue]:
    n = [t.n for t in own]
    squares = _mean([None if t.rmse is None else t.rmse**2 for t in own], n)
    paired = _mean([t.paired_mae for t in own], [t.n_naive for t in own])
    naive = _mean([t.naive_mae for t in own], [t.n_naive for t in own])
    saved = skill(paired, naive)
    coverage = [_share(level, own) for level in sorted({c.level for t in own for c in t.coverage})]
    alerts: list[JsonValue] = []
    if len(own) >= MIN_FORECASTS:
        alerts += ["skill_below_zero"] if saved is not None and saved < 0 else []
        alerts += [f"coverage_{c['level']:g}_out_of_band" for c in coverage if c["within_band"] is False]
    return {
        "name": own[0].name,
        "series_id": own[0].series_id,
        "n_forecasts": len(own),
        "n_values": sum(n),
        "mae": _mean([t.mae for t in own], n),
        "rmse": None if squares is None else float(np.sqrt(squares)),
        "bias": _mean([t.bias for t in own], n),
        "mase": _mean([t.mase for t in own], n),
        "naive_mae": naive,
        "skill": saved,
        "season_hours": own[0].season_hours,
        "coverage": [dict(c) for c in coverage],
        "alerts": alerts,
    }


def _share(level: float, own: Sequence[TargetScore]) -> dict[str, Any]:
    counts = [c for t in own for c in t.coverage if c.level == level and c.n]
    n = sum(c.n for c in counts)
    share = sum(c.inside for c in counts) / n if n else None
    wanted = level / 100
    margin = _BAND * float(np.sqrt(wanted * (1 - wanted) / max(len(counts), 1)))
    low, high = max(0.0, wanted - margin), min(1.0, wanted + margin)
    enough = share is not None and len(counts) >= MIN_FORECASTS
    within = low <= share <= high if enough and share is not None else None
    return {
        "level": level, "n_values": n, "share": share, "band": [low, high], "within_band": within,
    }  # fmt: skip


def _target(
    output: Mapping[str, Any],
    source: SeriesWindows,
    y_true: Float64,
    naive: Float64,
    scale: float,
    season: float | None,
) -> TargetScore:
    values = [np.nan if value["value"] is None else value["value"] for value in output["values"]]
    y_pred = np.array(values, dtype=np.float64)
    error = y_pred - y_true
    known = np.isfinite(error)
    paired = known & np.isfinite(naive)
    mae, naive_mae = _average(np.abs(error), known), _average(np.abs(naive - y_true), paired)
    paired_mae = _average(np.abs(error), paired)
    squared = _average(error**2, known)
    return TargetScore(
        name=str(output["name"]),
        series_id=source.rule.spec.series_id,
        n=int(known.sum()),
        mae=mae,
        rmse=None if squared is None else float(np.sqrt(squared)),
        bias=_average(error, known),
        mase=mae / scale if mae is not None and np.isfinite(scale) and scale > 0 else None,
        n_naive=int(paired.sum()),
        paired_mae=paired_mae,
        naive_mae=naive_mae,
        skill=skill(paired_mae, naive_mae),
        season_hours=season,
        coverage=_coverage(output, y_true),
    )


def _coverage(output: Mapping[str, Any], y_true: Float64) -> tuple[Coverage, ...]:
    ends: dict[float, list[tuple[int, float, float]]] = {}
    for step, value in enumerate(output["values"]):
        for one in value["intervals"]:
            if one["lower"] is not None and one["upper"] is not None and np.isfinite(y_true[step]):
                ends.setdefault(float(one["level"]), []).append((step, one["lower"], one["upper"]))
    return tuple(
        Coverage(level=level, n=len(own), inside=sum(low <= y_true[step] <= high for step, low, high in own))
        for level, own in sorted(ends.items())
    )


def _season_hours(source: SeriesWindows, y_train: Float64, ref_ns: int, times: Int64) -> float | None:
    """Return the calendar season that repeats the training part best as far ahead as this forecast looks.

    None where steps follow the calendar (months), or the training part is shorter than two seasons.
    """
    if source.rule.calendar is not None or len(y_train) < 2:
        return None
    train_ns = source.series.times_ns[: len(y_train)]
    losses = {}
    for hours in SEASONS_HOURS:
        lags = np.unique(_seasons_back(ref_ns, times, hours)) * round(hours * NS_PER_HOUR)
        errors = [_lag_error(train_ns, y_train, int(lag)) for lag in lags]
        if all(error is not None for error in errors):
            losses[float(hours)] = float(np.mean([error for error in errors if error is not None]))
    return min(losses, key=lambda hours: (losses[hours], hours)) if losses else None


def _lag_error(times_ns: Int64, values: Float64, lag_ns: int) -> float | None:
    place = np.searchsorted(times_ns, times_ns - lag_ns)
    met = times_ns[np.minimum(place, len(times_ns) - 1)] == times_ns - lag_ns
    steps = np.abs(values[met] - values[place[met]])
    steps = steps[np.isfinite(steps)]
    return float(steps.mean()) if len(steps) > 1 else None


def _naive(fresh: SeriesWindows, ref_ns: int, times: Int64, season: float | None) -> Float64:
    """Return for each step the newest value whole seasons earlier that was known at the reference time."""
    found = np.full(len(times), np.nan)
    if season is None:
        return found
    back = _seasons_back(ref_ns, times, season)
    for n in np.unique(back):
        at = back == n
        earlier = ref_ns - int(n) * round(season * NS_PER_HOUR)
        found[at] = _window(fresh, earlier, len(times))[at]
    return found


def _seasons_back(ref_ns: int, times: Int64, season_hours: float) -> Int64:
    season = round(season_hours * NS_PER_HOUR)
    return np.asarray(np.maximum(-(-(times - ref_ns) // season), 1), dtype=np.int64)


def _window(source: SeriesWindows, ref_ns: int, n_steps: int) -> Float64:
    """Return the target's values at one reference time, NaN where the rows do not say."""
    points = source.points(np.array([ref_ns]))
    values = np.where(points.codes[0] == Code.OK, points.values[0], np.nan)
    return np.resize(values, n_steps) if len(values) == 1 else np.asarray(values[:n_steps])


def _average(values: Float64, known: Bool) -> float | None:
    return float(values[known].mean()) if known.any() else None


def _mean(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    known = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None and w]
    total = sum(w for _, w in known)
    return sum(v * w for v, w in known) / total if total else None


def _ns(stamp: str) -> int:
    return (
        (datetime.fromisoformat(stamp) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    )
