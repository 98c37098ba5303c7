"""Forecasts of one model beside the truth, in original units: what the evaluator reads."""

from dataclasses import dataclass

from shared.timeseries.arrays import Float64, Int64


@dataclass(frozen=True)
class PartForecast:
    """Forecasts of one part; ``y_true`` and ``y_pred`` have shape (n_windows, output_steps, n_outputs)."""

    ref_ns: Int64
    y_true: Float64
    y_pred: Float64


@dataclass(frozen=True)
class Forecast:
    """What a trained model says about the validation and the test part (either may be empty)."""

    validation: PartForecast
    test: PartForecast
