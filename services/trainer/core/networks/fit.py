"""Fit a neural kind: epochs, early stopping, checkpoints, and never worse than the linear forecast."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from services.trainer.core.linear.fit import linear_forecasts
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Arrays, Fitted, OnProgress, Progress, ignore_progress, under
from services.trainer.core.networks.architectures import build, forecast, set_frame
from services.trainer.core.networks.checkpoint import Checkpoint, Course, load_checkpoint, save_checkpoint
from services.trainer.core.networks.kind import NeuralKind
from services.trainer.core.networks.memory_errors import memory_errors
from services.trainer.core.networks.standardise import fit_standardisation
from services.trainer.core.networks.training import Training
from services.trainer.core.problems import NotFinite, require_trainable
from services.trainer.core.shrinkage import best_shrinkage
from shared.contracts.kinds import (
    MODEL_SPEC,
    ArLstmSpec,
    CnnSpec,
    DenseSpec,
    Kind,
    LstmSpec,
    NeuralSpec,
)
from shared.series.arrays import Float32
from shared.windows.samples import Layout, Samples

HELD_OUT = 0.15  # share of the training windows that judge epochs when there is no validation part
# After the choice: so many of the best epoch's epochs more, at this part of the learning rate, on both parts.
REFIT_EPOCHS, REFIT_RATE = 0.5, 1 / 3
CHOSEN = 0.9  # of a fit's progress, when epochs are chosen and the rest is refitting


@dataclass(frozen=True)
class NeuralModel:
    """A trained network, and the linear model whose forecast it corrects (None: it forecasts by itself)."""

    kind: ClassVar[Kind]
    spec: NeuralKind
    network: Any  # keras.Model, untyped
    base: LinearModel | None

    @memory_errors()
    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, shape (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        return forecast(self.network, [x] if self.base is None else [x, self.base.predict(x)])

    def to_arrays(self) -> Arrays:
        """Return settings, weights and the linear model as plain arrays."""
        text = self.spec.model_dump_json().encode()
        weights = {f"weights/{i:03}": w for i, w in enumerate(self.network.get_weights())}
        base = {} if self.base is None else self.base.to_arrays()
        return {
            "spec": np.frombuffer(text, np.uint8),
            **weights,
            **{f"linear/{name}": array for name, array in base.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Build the network anew and give it its weights; it predicts exactly as before."""
        spec = MODEL_SPEC.validate_json(arrays["spec"].tobytes())
        assert isinstance(spec, NeuralKind), f"{spec.kind} is stored as a neural model"
        network = build(spec, layout)
        network.set_weights([arrays[name] for name in sorted(arrays) if name.startswith("weights/")])
        linear = under(arrays, "linear/")
        return cls(spec, network, LinearModel.from_arrays(linear, layout) if linear else None)


class DenseModel(NeuralModel):
    """Fully connected layers on the flattened window."""

    kind = "dense"


class CnnModel(NeuralModel):
    """Convolutions over time."""

    kind = "cnn"


class LstmModel(NeuralModel):
    """Stacked LSTM over the window."""

    kind = "lstm"


class ArLstmModel(NeuralModel):
    """LSTM that lives on its own forecasts."""

    kind = "ar_lstm"


def neural_model(spec: type[NeuralKind]) -> type[NeuralModel]:
    """Return the class of a kind's models."""
    return {DenseSpec: DenseModel, CnnSpec: CnnModel, LstmSpec: LstmModel, ArLstmSpec: ArLstmModel}[spec]


@memory_errors()
def fit_neural(
    spec: NeuralKind,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train a network until its validation loss stops falling, and keep the best epoch's weights.

    With ``spec.residual`` the network learns what the linear forecast misses, and its correction counts,
    per output, as much as surely helps on the validation part (0 to 1): never worse there than linear alone.
    With ``spec.refit`` the final network goes on from there over both parts, slower and for fewer epochs;
    the one that has not seen validation is kept as ``judged``.
    Losses are mean squared errors with every output in units of its training standard deviation.

    Parameters
    ----------
    checkpoint
        A file written after every epoch; a fit that finds its own goes on from there, and ends with the
        same numbers as one that was never interrupted.

    Raises
    ------
    TooFewWindows, ConstantTarget
        If there is nothing to learn from.
    NotFinite
        If the loss stops being a number.
    MemoryError
        If the backend has no memory left.
    """
    start = time.perf_counter()
    require_trainable(train, layout)
    notes: dict[str, JsonValue] = {}
    if len(validation) == 0:  # the newest training windows judge
        n = len(train) - max(1, round(HELD_OUT * len(train)))
        train, validation = train.rows(slice(n)), train.rows(slice(n, None))
        notes["judged_by"] = f"the last {len(validation)} training windows, not trained on"
    base: LinearModel | None = None
    if spec.residual:
        on_progress(Progress(0.0, "linear forecast to correct"))
        base, _ = linear_forecasts(train, validation, layout, refit=False)
    frame = fit_standardisation(train, layout, relative=spec.residual and not isinstance(spec, ArLstmSpec))
    network = build(spec, layout)
    set_frame(network, frame)
    model = neural_model(type(spec))(spec, network, base)
    unseen = _tables(model, validation)
    training = Training(
        network, _tables(model, train, unseen if spec.refit else None), unseen, frame.y_scale, spec
    )
    course = _train(training, spec, len(train), on_progress, checkpoint)
    strength: Float32 | None = None
    if base is not None:  # the correction counts as much as surely helps on the validation part, per output
        linear = base.predict(validation.x)
        strength = best_shrinkage(model.predict(validation.x) - linear, validation.y - linear)
        notes["correction_strength"] = [round(float(s), 4) for s in strength]
    judged = model
    if spec.refit:
        judged = replace(model, network=build(spec, layout))
        judged.network.set_weights(network.get_weights())
        _refit(training, spec, course, len(train) + len(validation), on_progress)
    if strength is not None:
        for one in (model, judged):
            one.network.get_layer("forecast").strength.assign(strength)
    notes |= {
        "refit": spec.refit,
        "epochs": len(course.losses),
        "best_epoch": course.best_epoch,
        "parameters": network.count_params(),
    }
    return Fitted(
        model=model,
        judged=judged,
        seconds=time.perf_counter() - start,
        history={"loss": list(course.losses), "val_loss": list(course.val_losses)},
        notes=notes,
    )


def _tables(model: NeuralModel, samples: Samples, further: list[Float32] | None = None) -> list[Float32]:
    """Return the network's inputs and, last, its targets; those of further samples behind them."""
    linear = [] if model.base is None else [model.base.predict(samples.x)]
    tables = [samples.x, *linear, samples.y]
    return tables if further is None else [np.concatenate(two) for two in zip(tables, further, strict=True)]


def _refit(
    training: Training, spec: NeuralSpec, course: Course, n_samples: int, on_progress: OnProgress
) -> None:
    """Go on from the best epoch over all samples: what is newest counts, what was learned stays."""
    n_epochs = max(1, round(REFIT_EPOCHS * course.best_epoch))
    n_batches = -(-n_samples // spec.batch_size)

    def on_batch(epoch: int, batch: int) -> None:
        done = (epoch + (batch + 1) / n_batches) / n_epochs
        fraction = CHOSEN + (1.0 - CHOSEN) * done
        on_progress(replace(course.progress(spec.epochs), fraction=fraction, phase="refit"))

    def on_epoch(epoch: int, loss: float) -> bool:
        _require_finite(spec, epoch, loss)
        return True

    training.begin_again(REFIT_RATE * spec.learning_rate)
    training.run(range(n_epochs), n_samples, spec.seed, on_batch=on_batch, on_epoch=on_epoch)


def _require_finite(spec: NeuralSpec, epoch: int, *losses: float) -> None:
    """Refuse a loss that is no number."""
    if not np.isfinite(losses).all():
        raise NotFinite(
            f"the loss is no longer a number after epoch {epoch + 1}",
            suggestions=(f"Lower the learning rate (now {spec.learning_rate:g}), for example to a tenth.",),
            field="learning_rate",
            epoch=epoch + 1,
        )


def _train(
    training: Training, spec: NeuralSpec, n_train: int, on_progress: OnProgress, path: Path | None
) -> Course:
    """Run epochs until the validation loss stops falling; leave the best epoch's weights in place."""
    found = load_checkpoint(path, spec) if path else None
    course, best = (found.course, found.best) if found else (Course(), training.network.get_weights())
    if found:
        training.restore(found.state)
    n_batches = -(-n_train // spec.batch_size)
    share = CHOSEN if spec.refit else 1.0

    def on_batch(epoch: int, batch: int) -> None:
        done = (epoch + (batch + 1) / n_batches) / spec.epochs
        on_progress(replace(course.progress(spec.epochs), fraction=share * done))

    def on_epoch(epoch: int, loss: float) -> bool:
        nonlocal course, best
        course = course.after(loss, training.loss())
        _require_finite(spec, epoch, course.losses[-1], course.val_losses[-1])
        if course.best_epoch == epoch + 1:
            best = training.network.get_weights()
        if path:
            save_checkpoint(path, Checkpoint(course, training.state(), best), spec)
        progress = course.progress(spec.epochs)
        on_progress(replace(progress, fraction=share * progress.fraction))
        return not course.is_over(spec.patience)

    epochs = range(len(course.losses), spec.epochs)
    if epochs and not course.is_over(spec.patience):
        training.run(epochs, n_train, spec.seed, on_batch=on_batch, on_epoch=on_epoch)
    training.network.set_weights(best)
    return course
