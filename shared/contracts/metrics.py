"""The scores a forecast can get: each is one value here, its formula stands in ``shared/scoring/metrics.py``.

Tables, CSV headings, leaderboard, claims, plots, the wire and the page read what they need from these values:
a score that is added here with its formula is everywhere.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

Unit = Literal["output", "output squared", "percent", "none"]


@dataclass(frozen=True)
class Metric:
    """One score: what it is called, what it counts in, and how models are compared by it."""

    name: str  # in documents and on the wire
    heading: str  # of a column
    unit: Unit
    std_power: (
        int | None
    )  # of the training standard deviation that frees it from its unit; None: no meaning there
    loss: Literal["absolute", "squared"]  # which loss of a window speaks for it in a claim
    undefined: str  # when it has no value
    better: Literal["smaller", "larger"] = "smaller"
    ranks: bool = True  # whether models may be ranked by it on validation
    shown: bool = False  # whether it stands in short tables


METRICS: tuple[Metric, ...] = (
    Metric("mae", "MAE", "output", 1, "absolute", "never", shown=True),
    Metric("mse", "MSE", "output squared", 2, "squared", "never"),
    Metric("rmse", "RMSE", "output", 1, "squared", "never", shown=True),
    Metric("mape", "MAPE", "percent", None, "absolute", "every true value is 0"),
    Metric("nrmse", "NRMSE", "none", None, "squared", "the true values average to 0"),
    Metric("wape", "WAPE", "percent", None, "absolute", "every true value is 0", shown=True),
    Metric("smape", "sMAPE", "percent", None, "absolute", "never"),
    Metric("mase", "MASE", "none", 0, "absolute", "the training series is flat or too short", shown=True),
    Metric("rmsse", "RMSSE", "none", 0, "squared", "the training series is flat or too short"),
    Metric("r2", "R2", "none", 0, "squared", "the true values are all equal", better="larger", shown=True),
    Metric("pinball", "Pinball", "output", 1, "absolute", "there are no intervals", ranks=False),
)
METRIC_NAMES: tuple[str, ...] = tuple(metric.name for metric in METRICS)
RANKING_METRICS: tuple[str, ...] = tuple(metric.name for metric in METRICS if metric.ranks)
_BY_NAME = {metric.name: metric for metric in METRICS}


def find_metric(name: str) -> Metric | None:
    """Return the score of a name, None if there is none.

    >>> find_metric("smape").heading, find_metric("accuracy")
    ('sMAPE', None)
    """
    return _BY_NAME.get(name)


def _ranking(name: str) -> str:
    if name not in RANKING_METRICS:
        raise ValueError(f"there is no score {name!r} to rank by; known are {', '.join(RANKING_METRICS)}")
    return name


RankingMetric = Annotated[
    str, AfterValidator(_ranking), WithJsonSchema({"type": "string", "enum": list(RANKING_METRICS)})
]
