"""Neural kinds: seconds per epoch and per forecast, against keras used the plain way.

    python -m benchmarks.neural ETTh1.csv

Both sides train the very same network from the same first weights. The plain way is `keras.fit` on arrays
with batches of 32, and one call of `predict` per window; ours is the loop of `services.trainer.core` with
its own batches (64 for Dense, 128 otherwise). Beside them stands a whole fit with our defaults on the
training part alone, which corrects the linear forecast. The loss is the mean squared error with every
output in units of its training standard deviation. "Ours to that loss" is the honest comparison: seconds
until the same network, from the same first weights and without a linear forecast, has the validation loss
the plain way ends with, whatever the number of epochs.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.etth import cut, read, split_rows
from services.trainer.core.fit import fit
from services.trainer.core.networks.architectures import build, forecast, set_frame
from services.trainer.core.networks.kind import NeuralKind
from services.trainer.core.networks.standardise import Standardisation, fit_standardisation
from services.trainer.core.networks.training import Training
from shared.contracts.kinds import WIRE_NAMES, ArLstmSpec, CnnSpec, DenseSpec, LstmSpec
from shared.series.arrays import Float32
from shared.windows.samples import Layout, Samples

LOOKBACK, HORIZON = 96, 24
PLAIN_BATCH = 32
ASKED_ONE_BY_ONE = 100
SPECS: dict[str, NeuralKind] = {
    WIRE_NAMES[spec.kind]: spec
    for spec in (
        DenseSpec(residual=False),
        CnnSpec(residual=False),
        LstmSpec(residual=False),
        ArLstmSpec(residual=False),
    )
}


@dataclass(frozen=True)
class Course:
    """Seconds of each epoch, and the validation loss after it."""

    seconds: list[float]
    losses: list[float]

    @property
    def per_epoch(self) -> float:
        """Seconds of an epoch once the first has compiled everything."""
        return float(np.median(self.seconds[1:]))

    def seconds_to(self, loss: float) -> float | None:
        """Return the seconds of training until the validation loss was as low; None if it never was."""
        reached = next((n for n, value in enumerate(self.losses, start=1) if value <= loss), None)
        return None if reached is None else sum(self.seconds[:reached])


def plain(
    spec: NeuralKind, train: Samples, validation: Samples, layout: Layout, frame: Standardisation, n: int
) -> Course:
    """Train with ``keras.fit`` on arrays."""
    network = prepared(spec, layout, frame)
    network.compile(optimizer="adam", loss=lambda y, p: ((y - p) / frame.y_scale) ** 2)
    seconds, losses = [], []
    x, y = np.ascontiguousarray(train.x), np.ascontiguousarray(train.y)
    for _ in range(n):
        started = time.perf_counter()
        network.fit(x, y, batch_size=PLAIN_BATCH, epochs=1, verbose=0)
        seconds.append(time.perf_counter() - started)
        losses.append(validation_loss(network, validation, frame))
    return Course(seconds, losses)


def ours(
    spec: NeuralKind,
    train: Samples,
    validation: Samples,
    layout: Layout,
    frame: Standardisation,
    *,
    n_epochs: int,
    until: float,
) -> Course:
    """Train as the trainer does, ``n_epochs`` and up to thrice as many until the loss is ``until``."""
    network = prepared(spec, layout, frame)
    training = Training(network, [train.x, train.y], [validation.x, validation.y], frame.y_scale, spec)
    seconds: list[float] = []
    losses: list[float] = []
    started = time.perf_counter()

    def on_epoch(epoch: int, loss: float) -> bool:
        nonlocal started
        seconds.append(time.perf_counter() - started)
        losses.append(training.loss())
        started = time.perf_counter()
        return epoch + 1 < n_epochs or min(losses) > until

    training.run(
        range(3 * n_epochs), len(train), spec.seed, on_batch=lambda epoch, batch: None, on_epoch=on_epoch
    )
    return Course(seconds, losses)


def typical(courses: Sequence[Course]) -> Course:
    """Return the round of median length; the losses of all are the same."""
    return sorted(courses, key=lambda course: sum(course.seconds))[len(courses) // 2]


def equal(theirs: Course, mine: Course, goal: float) -> str:
    """Return our seconds to a loss the plain way reached, and the ratio; first epochs compile and count."""
    seconds, plainly = mine.seconds_to(goal), sum(theirs.seconds)
    return (
        f"over {sum(mine.seconds):.1f} | -" if seconds is None else f"{seconds:.1f} | {plainly / seconds:.1f}"
    )


def as_fast(spec: NeuralKind) -> NeuralKind:
    """Return the spec with a learning rate that grows as its batch does over the plain way's."""
    return spec.model_copy(update={"learning_rate": spec.learning_rate * spec.batch_size / PLAIN_BATCH})


def prepared(spec: NeuralKind, layout: Layout, frame: Standardisation) -> Any:
    """Return a fresh network."""
    network = build(spec, layout)
    set_frame(network, frame)
    return network


def validation_loss(network: Any, validation: Samples, frame: Standardisation) -> float:
    """Return the loss on the validation part."""
    error = (forecast(network, [validation.x]) - validation.y) / frame.y_scale
    return float(np.mean(error**2, dtype=np.float64))


def per_window(network: Any, x: Float32) -> tuple[float, float]:
    """Return seconds per window: one call of ``predict`` each, and all windows our way."""
    network.predict(x[:1], verbose=0)
    forecast(network, [x])
    started = time.perf_counter()
    for window in x[:ASKED_ONE_BY_ONE]:
        network.predict(window[None], verbose=0)
    alone = (time.perf_counter() - started) / ASKED_ONE_BY_ONE
    started = time.perf_counter()
    forecast(network, [x])
    return alone, (time.perf_counter() - started) / len(x)


def main(arguments: list[str]) -> None:
    """Print one row per kind."""
    parser = argparse.ArgumentParser(prog="benchmarks.neural", description="neural kinds against plain keras")
    parser.add_argument("file", type=Path)
    parser.add_argument("--kinds", default=",".join(SPECS))
    parser.add_argument(
        "--epochs", type=int, default=4, help="of the plain way; ours may take three times more"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of both side by side; medians are printed")
    options = parser.parse_args(arguments)
    values, minutes = read(options.file)
    lengths = split_rows(len(values), minutes)
    (train, validation, test), layout = cut(values, minutes, lengths, lookback=LOOKBACK, horizon=HORIZON)
    frame = fit_standardisation(train, layout, relative=False)
    print(f"{len(train)} windows of {LOOKBACK} steps x {len(layout.inputs)} columns, {HORIZON} steps ahead")
    print(
        "| kind | plain s/epoch | ours s/epoch | ratio | plain: loss | in s | ours to that loss in s | ratio "
        "| whole fit: loss | in s | one by one ms/window | ours ms/window | ratio |"
    )
    print("|---|" + "--:|" * 12)
    for name in options.kinds.split(","):
        spec = SPECS[name]
        fast, turns = as_fast(spec), []
        for _ in range(options.rounds):
            theirs = plain(spec, train, validation, layout, frame, options.epochs)
            goal = theirs.losses[-1]
            mine = ours(fast, train, validation, layout, frame, n_epochs=options.epochs, until=goal)
            turns.append((theirs, mine))
        theirs, mine = (typical(courses) for courses in zip(*turns, strict=True))
        whole = fit(spec.model_copy(update={"residual": True, "refit": False}), train, validation, layout)
        alone, batched = per_window(prepared(spec, layout, frame), np.ascontiguousarray(test.x))
        print(
            f"| {name} | {theirs.per_epoch:.2f} | {mine.per_epoch:.2f} "
            f"| {theirs.per_epoch / mine.per_epoch:.1f} "
            f"| {goal:.3f} | {sum(theirs.seconds):.1f} | {equal(theirs, mine, goal)} "
            f"| {min(whole.history['val_loss']):.3f} | {whole.seconds:.1f} "
            f"| {1e3 * alone:.1f} | {1e3 * batched:.4f} | {alone / batched:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
