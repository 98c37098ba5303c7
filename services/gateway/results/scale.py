"""Stored scores in training standard deviations: one output beside another, whatever their units."""

from collections.abc import Mapping
from typing import Any, Literal

from shared.contracts.metrics import METRICS

Scale = Literal["original", "standard"]

# By which power of the training standard deviation a score is divided; 0 = it has no unit anyway.
_POWERS = {metric.name: metric.std_power for metric in METRICS if metric.std_power is not None}
NOT_STANDARD = dict.fromkeys(
    (metric.name for metric in METRICS if metric.std_power is None),
    "in standard deviations it would depend on where zero is; ask for the original scale",
)
NO_SPREAD = "the training values of this output do not vary, so there is no standard deviation to divide by"


def in_training_std(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored scores of one output in training standard deviations.

    Errors are divided, MSE by the square. What is a share of the level has no meaning there and is None, and
    so is every error of an output whose training values do not vary.

    >>> level = {"overall": {"mae": 3.0, "mse": 8.0, "mape": 5.0}, "per_step": {"mae": [2.0, None]}}
    >>> scaled = in_training_std({"name": "load", "train_std": 2.0, "levels": [level]})["levels"][0]
    >>> scaled["overall"], scaled["per_step"]
    ({'mae': 1.5, 'mse': 2.0, 'mape': None}, {'mae': [1.0, None]})
    """
    std = output.get("train_std")
    levels = [
        {
            **level,
            "overall": {metric: _divided(metric, value, std) for metric, value in level["overall"].items()},
            "per_step": {
                metric: [_divided(metric, value, std) for value in values]
                for metric, values in level["per_step"].items()
            },
        }
        for level in output["levels"]
    ]
    return {**output, "levels": levels}


def reasons(output: Mapping[str, Any]) -> dict[str, str]:
    """Return which scores of an output have no meaning in training standard deviations, and why."""
    if output.get("train_std"):
        return NOT_STANDARD
    return {
        **NOT_STANDARD,
        **dict.fromkeys((metric for metric, power in _POWERS.items() if power), NO_SPREAD),
    }


def _divided(metric: str, value: float | None, std: float | None) -> float | None:
    power = _POWERS.get(metric)
    if value is None or power is None or (power and not std):
        return None
    return value / (std or 1.0) ** power
