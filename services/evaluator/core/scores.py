"""Score one part of a forecast: per output, per averaging level, per step, in one pass and little memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np

from services.evaluator.core.intervals import QuantileLoss
from services.evaluator.core.problems import ForecastMismatch
from shared.contracts.metrics import METRIC_NAMES
from shared.scoring.forecasts import PartForecast
from shared.scoring.metrics import MetricValues, Reason, known_std, metric_values, naive_error
from shared.scoring.sums import ErrorSums, error_sums, pool, stack
from shared.series.arrays import Float64

MAX_LEVEL = 12
_CHUNK_VALUES = 2**15  # true values per chunk: its temporaries stay in the cache of one core


@dataclass(frozen=True)
class LevelScores:
    """Scores of forecasts and truths averaged over blocks of ``k`` consecutive steps."""

    k: int
    delta_minutes: float
    overall: MetricValues  # (n_metrics,)
    per_step: MetricValues  # (n_blocks, n_metrics)
    mape_skipped: float | None  # percent of true values that are 0, which MAPE cannot use


@dataclass(frozen=True)
class OutputScores:
    """Scores of one output; ``levels`` holds k = 1..12 as far as the horizon reaches."""

    name: str
    train_std: float | None  # in the output's unit, None without training values
    n_values: int
    n_left_out: int  # pairs in which the truth or the forecast is not a finite number
    levels: tuple[LevelScores, ...]


@dataclass(frozen=True)
class Scores:
    """Everything that is scored about one model on one part."""

    n_windows: int
    season_length: int
    outputs: tuple[OutputScores, ...]

    def headline(self) -> dict[str, float | None]:
        """Return each score at k = 1, averaged over outputs; None if it is undefined for any of them."""
        return {
            metric: mean_of_all([output.levels[0].overall.get(metric) for output in self.outputs])
            for metric in METRIC_NAMES
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values for storage and wire; every undefined score is null beside its reason."""
        return {
            "n_windows": self.n_windows,
            "season_length": self.season_length,
            "headline": self.headline(),
            "outputs": [
                {
                    "name": output.name,
                    "train_std": output.train_std,
                    "n_values": output.n_values,
                    "n_left_out": output.n_left_out,
                    "levels": [_level_json(level) for level in output.levels],
                }
                for output in self.outputs
            ],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Scores":
        """Build the scores again from ``to_json``."""
        outputs = tuple(
            OutputScores(
                name=output["name"],
                train_std=output["train_std"],
                n_values=output["n_values"],
                n_left_out=output["n_left_out"],
                levels=tuple(_level_from_json(level) for level in output["levels"]),
            )
            for output in stored["outputs"]
        )
        return cls(stored["n_windows"], stored["season_length"], outputs)


def score(
    part: PartForecast,
    *,
    y_train: Sequence[Float64],
    delta_minutes: Sequence[float],
    names: Sequence[str],
    season_length: int = 1,
    quantile_loss: QuantileLoss | None = None,
) -> Scores:
    """Score a part's forecasts in the unit they come in.

    Parameters
    ----------
    part
        Shape (n_windows, output_steps, n_outputs); may be empty, hold NaN, or lie in a memory map.
    y_train
        Per output the training part of its series on its own time axis: the unit of MASE at every
        level, and the standard deviation that makes outputs comparable in a ranking.
    delta_minutes
        Per output the spacing of its steps.
    names
        Per output its display name.
    season_length
        MASE's seasonality in steps of the training series.
    quantile_loss
        Of intervals that were not fitted on this part: the pinball loss at k = 1. Undefined without it.

    Returns
    -------
    Scores
        Undefined scores are null with a reason; nothing but a mismatch raises.

    Raises
    ------
    ForecastMismatch
        If the arguments are not about the same outputs.
    """
    n_windows, n_steps, n_outputs = _checked_shape(part, y_train, delta_minutes, names)
    levels = range(1, min(MAX_LEVEL, n_steps) + 1)
    chunks = _tallies(part, levels)
    sums = next(chunks)
    while group := tuple(islice(chunks, 32)):
        sums = pool(stack([sums, *group]))
    naive = naive_error(y_train, season_length=season_length)
    bounds = np.cumsum([0, *(n_steps // k for k in levels)])
    whole = stack([pool(sums[start:stop]) for start, stop in pairwise(bounds)])  # (n_levels, n_outputs)
    overall, per_step = metric_values(whole, naive), metric_values(sums, naive)
    if quantile_loss is not None:
        overall = overall.with_values("pinball", quantile_loss.overall, rows=1)
        per_step = per_step.with_values("pinball", quantile_loss.per_step, rows=n_steps)
    return Scores(
        n_windows=n_windows,
        season_length=season_length,
        outputs=tuple(
            OutputScores(
                name=names[i],
                train_std=known_std(y_train[i]),
                n_values=int(whole.n[0, i]),
                n_left_out=int(whole.n_left_out[0, i]),
                levels=tuple(
                    LevelScores(
                        k=k,
                        delta_minutes=k * float(delta_minutes[i]),
                        overall=overall[k - 1, i],
                        per_step=per_step[bounds[k - 1] : bounds[k], i],
                        mape_skipped=100.0 * float(1.0 - own.n_nonzero / own.n) if own.n else None,
                    )
                    for k, own in ((k, whole[k - 1, i]) for k in levels)
                ),
            )
            for i in range(n_outputs)
        ),
    )


def mean_of_all(values: Sequence[float | None]) -> float | None:
    """Return the mean; None if there is nothing, or any of it is undefined."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def block_means(values: Float64, k: int, *, out: Float64 | None = None) -> Float64:
    """Average consecutive blocks of k steps (axis 1), the remainder left out.

    >>> block_means(np.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0]
    array([0.5, 2.5])
    """
    stop = values.shape[1] // k * k
    total = np.empty_like(values[:, 0:stop:k]) if out is None else out
    # Adding k strided slices is several times faster than a mean over a short axis.
    np.copyto(total, values[:, 0:stop:k])
    for offset in range(1, k):
        total += values[:, offset:stop:k]
    total /= k
    return total


def _tallies(part: PartForecast, levels: range) -> Iterator[ErrorSums]:
    """Yield the sums of each chunk of windows; its positions are the blocks of all levels in a row."""
    n_windows, n_steps, n_outputs = part.y_true.shape
    n_blocks = sum(n_steps // k for k in levels)
    size = max(1, _CHUNK_VALUES // max(1, n_steps * n_outputs))
    # One workspace for all chunks, windows next to each other in memory: sums over windows then run
    # through contiguous numbers, and no time goes into fetching fresh pages for every chunk.
    workspace = np.empty((5, n_outputs, n_blocks, min(size, max(n_windows, 1)))).transpose(0, 3, 2, 1)
    for start in range(0, max(n_windows, 1), size):
        y_true, y_pred = part.y_true[start : start + size], part.y_pred[start : start + size]
        truth, forecast, *scratch = workspace[:, : len(y_true)]
        with np.errstate(over="ignore", invalid="ignore"):
            _fill_blocks(y_true, levels, truth)
            _fill_blocks(y_pred, levels, forecast)
        yield error_sums(truth, forecast, scratch=scratch)


def _fill_blocks(values: Float64, levels: range, out: Float64) -> None:
    n_steps = values.shape[1]
    means = {1: out[:, :n_steps]}
    np.copyto(means[1], values)
    start = n_steps
    for k in levels[1:]:
        stop = start + n_steps // k
        means[k] = out[:, start:stop]
        finer = max(d for d in means if d < k and k % d == 0)  # means of equal blocks average to the coarser
        block_means(means[finer][:, : (stop - start) * (k // finer)], k // finer, out=means[k])
        start = stop


def _checked_shape(
    part: PartForecast, y_train: Sequence[Float64], delta_minutes: Sequence[float], names: Sequence[str]
) -> tuple[int, int, int]:
    shape = part.y_true.shape
    if len(shape) != 3 or part.y_pred.shape != shape:
        raise ForecastMismatch(
            f"true values have shape {shape}, forecasts {part.y_pred.shape}; "
            "needed is (n_windows, output_steps, n_outputs) for both",
            field="y_pred",
        )
    for field, value in (("y_train", y_train), ("delta_minutes", delta_minutes), ("names", names)):
        if len(value) != shape[2]:
            raise ForecastMismatch(f"{field} has {len(value)} entries for {shape[2]} outputs", field=field)
    return shape


def _level_json(level: LevelScores) -> dict[str, Any]:
    steps = range(len(level.per_step.values))
    rows = [level.per_step[i] for i in steps]
    # A reason per step for every score that lacks one; a single text where there are no intervals.
    reasons: dict[str, str | list[str | None]] = {}
    for metric, codes in zip(METRIC_NAMES, level.per_step.reasons.T.tolist(), strict=True):
        if set(codes) == {Reason.NO_INTERVALS}:
            reasons[metric] = Reason.NO_INTERVALS.text
        elif any(codes):
            reasons[metric] = [Reason(code).text or None for code in codes]
    return {
        "k": level.k,
        "delta_minutes": level.delta_minutes,
        "mape_skipped": level.mape_skipped,
        "overall": level.overall.as_dict(),
        "undefined": level.overall.undefined(),
        "per_step": {metric: [row.get(metric) for row in rows] for metric in METRIC_NAMES},
        "per_step_undefined": reasons,
    }


def _level_from_json(stored: dict[str, Any]) -> LevelScores:
    """Build a level again; a score that its version did not have is undefined and says so."""
    per_step = stored["per_step"]
    n_blocks = len(next(iter(per_step.values())))
    rows = [per_step.get(name, [None] * n_blocks) for name in METRIC_NAMES]
    why = [
        np.array(_why(per_step, stored["per_step_undefined"], name), dtype=object) for name in METRIC_NAMES
    ]
    return LevelScores(
        k=stored["k"],
        delta_minutes=stored["delta_minutes"],
        overall=_measures(
            [stored["overall"].get(name) for name in METRIC_NAMES],
            [_why(stored["overall"], stored["undefined"], name) for name in METRIC_NAMES],
        ),
        per_step=_measures(
            np.array(rows, dtype=np.float64).T,
            np.array([np.broadcast_to(reasons, n_blocks) for reasons in why]).T,
        ),
        mape_skipped=stored["mape_skipped"],
    )


def _why(scores: dict[str, Any], reasons: dict[str, Any], name: str) -> Any:
    return reasons.get(name) if name in scores else Reason.NOT_STORED.text


def _measures(values: Any, reasons: Any) -> MetricValues:
    codes = {reason.text: int(reason) for reason in Reason} | {None: 0}
    coded = np.vectorize(lambda text: codes.get(text, int(Reason.NOT_STORED)), otypes=[np.int8])(
        np.array(reasons, dtype=object)
    )
    return MetricValues(np.array(values, dtype=np.float64), coded)
