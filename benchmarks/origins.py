"""What a kind is worth on three rolling origins within training and validation part, to choose by.

    OMP_NUM_THREADS=1 python -m benchmarks.origins FOLDER --sets pv,AEP --kinds LGBMR

Sets and their files are those of `benchmarks.accuracy`; no test part is read. To judge a change, run it in
both checkouts. Each origin fits on the windows before it, validates on the tenth that follows, and forecasts
the tenth after that; windows that reach over a border are left out. Figures are in the target's unit.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.accuracy_sets import SETS, build
from services.trainer.core.fit import fit
from services.trainer.core.predict import Forecaster
from shared.contracts.kinds import ModelSpec
from shared.windows.dataset import Dataset
from shared.windows.samples import Samples
from trainyard.plan import parse_models

ORIGINS = (0.5, 0.65, 0.8)  # share of the windows that a fit has seen
TENTH = 0.1


def judge(dataset: Dataset, spec: ModelSpec) -> list[tuple[float, float, float]]:
    """Return RMSE, MAE and processor seconds of the fit, per origin."""
    parts = [dataset.part("train"), dataset.part("validation")]
    x, y, ref_ns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "ref_ns"))
    samples, layout, n = Samples(x, y, ref_ns), dataset.layout, len(ref_ns)
    reach = max(1, int(np.ceil(max(column.end for column in layout.outputs) * 60 / layout.stride)))
    found = []
    for origin in ORIGINS:
        begins, middle, ends = (int(n * (origin + shift)) for shift in (0.0, TENTH, 2 * TENTH))
        begun = time.process_time()
        train, validation = (
            samples.rows(slice(0, begins - reach)),
            samples.rows(slice(begins, middle - reach)),
        )
        model = fit(spec, train, validation, layout).model
        seconds = time.process_time() - begun
        judged = samples.rows(slice(middle, ends))
        truth = layout.y_scaler.inverse(judged.y.astype(np.float64))
        error = Forecaster(model, layout).forecast_scaled(judged.x) - truth
        found.append((float(np.sqrt(np.square(error).mean())), float(np.abs(error).mean()), seconds))
    return found


def main() -> None:
    """Print one table row per set and kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="pv,AEP,demoT,daily,ETTh1")
    parser.add_argument("--kinds", default="LGBMR")
    options = parser.parse_args()
    print("| set | kind | RMSE | MAE | s |\n|---|---|--:|--:|--:|")
    for name in options.sets.split(","):
        dataset = build(SETS[name], options.folder)
        for spec in parse_models(options.kinds):
            columns = [
                " ".join(f"{value:.4g}" for value in row) for row in zip(*judge(dataset, spec), strict=True)
            ]
            print(f"| {name} | {spec.name} | {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    main()
