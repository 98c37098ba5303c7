"""What averaging a run's models gains, and how far its own weights flatter it.

    python -m benchmarks.ensemble ETTh1.csv
    python -m benchmarks.ensemble ETTh1.csv --kinds LIN,SVR_MIMO,Dense --horizon 96 --lookback 336

Data, parts and scaling are those of ``benchmarks.etth``: errors are in training standard deviations. The
average is ranked by validation forecasts that each use weights chosen on other windows ("judged"); with the
weights chosen on the very windows they are measured on it would look as good as "flattered" says.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.etth import SPECS, cut, read, split_rows
from services.evaluator.core.problems import NoEnsemble
from services.evaluator.ensembles import average
from shared.scoring.forecasts import Forecast, PartForecast
from shared.series.arrays import Float32
from shared.windows.samples import Samples


def main(arguments: list[str]) -> None:
    """Print one line per model, then the average."""
    parser = argparse.ArgumentParser(prog="benchmarks.ensemble", description="gain of averaging models")
    parser.add_argument("file", type=Path)
    parser.add_argument("--kinds", default="LIN,SVR_MIMO,Dense", help=", ".join(SPECS))
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--lookback", type=int, default=336)
    options = parser.parse_args(arguments)
    values, minutes = read(options.file)
    lengths = split_rows(len(values), minutes)
    parts, layout = cut(values, minutes, lengths, lookback=options.lookback, horizon=options.horizon)

    # Imported here: --help needs no solver.
    from services.trainer.core.fit import fit

    forecasts: dict[str, Forecast] = {}
    for kind in (name.strip() for name in options.kinds.split(",")):
        fitted = fit(SPECS[kind], parts[0], parts[1], layout)
        forecasts[kind] = Forecast(
            validation=forecast_of(parts[1], fitted.judged.predict(parts[1].x)),
            test=forecast_of(parts[2], fitted.model.predict(parts[2].x)),
        )
        tell(kind, forecasts[kind])
    started = time.perf_counter()
    try:
        made = average(forecasts, [1.0] * len(layout.outputs))
    except NoEnsemble as none:
        print(f"no average: {none.message}")
        return
    seconds = time.perf_counter() - started
    tell("average", made.forecast)
    shares = " + ".join(f"{weight:.2f} {name}" for name, weight in made.ensemble.weights.items())
    print(f"{shares}, chosen, judged and combined in {seconds:.2f} s")
    print(f"validation RMSE: judged {rmse(made.forecast.validation):.4f}, flattered {made.ensemble.loss:.4f}")


def forecast_of(part: Samples, y_pred: Float32) -> PartForecast:
    """Return a part's forecasts; scaled values are the unit here."""
    return PartForecast(part.ref_ns, part.y.astype(np.float64), y_pred.astype(np.float64))


def tell(name: str, forecast: Forecast) -> None:
    """Print a model's errors."""
    test = forecast.test.y_pred - forecast.test.y_true
    print(
        f"{name:<10} validation RMSE {rmse(forecast.validation):.4f}   "
        f"test MSE {np.mean(test**2):.4f}  MAE {np.mean(np.abs(test)):.4f}",
        flush=True,
    )


def rmse(part: PartForecast) -> float:
    """Return the RMSE averaged over outputs, as the ranking has it."""
    return float(np.sqrt(np.mean((part.y_pred - part.y_true) ** 2, axis=(0, 1))).mean())


if __name__ == "__main__":
    main(sys.argv[1:])
