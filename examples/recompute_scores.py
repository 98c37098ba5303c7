"""Recompute every number of a downloaded result archive from the arrays inside it.

    python examples/recompute_scores.py results.zip

Two checks: all metrics, tables and the verdict are made anew by the evaluator's own functions and
compared byte by byte, and the headline scores are computed once more in plain numpy, with no line of
the evaluator in between. Of a backtest's archive the errors on every fold are computed in plain numpy.
"""

import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np

# The platform runs from its checkout: the repository root is where imports start.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from services.evaluator.core.report_files import numbers
from services.evaluator.core.run_data import compute, run_data_from


def different_files(archive: zipfile.ZipFile) -> list[str]:
    """Return the paths of numbers in the archive that the arrays do not lead to."""
    run_data = run_data_from(lambda name: archive.read(f"arrays/{name}"))
    made = numbers(run_data, compute(run_data))
    return [path for path, content in made if archive.read(path) != content]


def plain_differences(archive: zipfile.ZipFile) -> list[str]:
    """Return the headline scores on test that a few lines of numpy disagree with."""
    facts = json.loads(archive.read("arrays/facts.json"))
    outputs = np.load(archive.open("arrays/outputs.npz"))
    wrong = []
    for model in facts["models"]:
        arrays = np.load(archive.open(f"arrays/{model['file']}"))
        stored = json.loads(archive.read(f"metrics/{model['file'].removesuffix('.npz')}/test.json"))
        for i, output in enumerate(stored["outputs"]):
            y, f = arrays["test_y_true"][..., i], arrays["test_y_pred"][..., i]
            y_train, m = outputs[f"y_train_{i}"], facts["season_length"]
            if not y.size or not np.isfinite(f).all():
                continue
            naive = np.nanmean(np.abs(y_train[m:] - y_train[:-m]))
            scores = output["levels"][0]["overall"]
            expected = {
                "mae": np.mean(np.abs(f - y)),
                "rmse": np.sqrt(np.mean((f - y) ** 2)),
                "mape": 100 * np.mean(np.abs((f - y)[y != 0] / y[y != 0])),
                "wape": 100 * np.sum(np.abs(f - y)) / np.sum(np.abs(y)),
                "mase": np.mean(np.abs(f - y)) / naive,
                "r2": 1 - np.sum((f - y) ** 2) / np.sum((y - y.mean()) ** 2),
            }
            wrong += [
                f"{model['label']}, {output['name']}: {name} is {scores[name]}, plain numpy says {value}"
                for name, value in expected.items()
                if scores[name] is not None and not math.isclose(scores[name], value, rel_tol=1e-9)
            ]
    return wrong


def backtest_differences(archive: zipfile.ZipFile) -> list[str]:
    """Return the scores of a backtest's folds that a few lines of numpy disagree with."""
    plan, verdict = (json.loads(archive.read(name)) for name in ("folds.json", "verdict.json"))
    tests = {fold["number"]: fold["test"] for fold in plan["folds"]}
    rows = {row["label"]: {fold["fold"]: fold for fold in row["folds"]} for row in verdict["rows"]}
    wrong = []
    for fit in plan["fits"]:
        arrays = np.load(archive.open(fit["file"]))
        begin = tests[fit["folds"][0]][0]
        for number in fit["folds"]:
            start, stop = tests[number]
            of_fold = slice(start - begin, stop - begin)
            for i, (output, scores) in enumerate(rows[fit["model"]][number]["outputs"].items()):
                y, f = (arrays[f"test_y_{which}"][of_fold, :, i] for which in ("true", "pred"))
                expected = {"mae": np.mean(np.abs(f - y)), "rmse": np.sqrt(np.mean((f - y) ** 2))}
                wrong += [
                    f"{fit['model']}, fold {number}, {output}: {name} is {scores[name]}, not {value}"
                    for name, value in expected.items()
                    if np.isfinite(value) and not math.isclose(scores[name], value, rel_tol=1e-9)
                ]
    return wrong


def problems_of(archive: zipfile.ZipFile) -> list[str]:
    """Return what is wrong with the archive of a run or of a backtest."""
    if "folds.json" in archive.namelist():
        return backtest_differences(archive)
    return [f"{name}: differs" for name in different_files(archive)] + plain_differences(archive)


def main(path: str) -> int:
    """Check one archive and say what was found."""
    with zipfile.ZipFile(path) as archive:
        problems = problems_of(archive)
        n_files = len(archive.namelist())
    print("\n".join(problems) or f"every number in the {n_files} files follows from the arrays")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
