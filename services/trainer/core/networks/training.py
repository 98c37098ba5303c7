"""A network in training: epochs over samples that are looked up by index."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from services.trainer.core.networks.architectures import PREDICT_BATCH
from services.trainer.core.networks.layers import Layer, Tensor
from shared.contracts.kinds import NeuralSpec
from shared.timeseries.arrays import Float32

Int32 = NDArray[np.int32]
# A graph of TensorFlow gains nothing from XLA at these sizes on CPU, and pays seconds; JAX would run eagerly.
COMPILED = keras.backend.backend() != "tensorflow"
STEPS_PER_EXECUTION = 16  # batches per call into the backend: halves a small network's epoch


class Training:
    """A network in training: samples stay where they are, batches are gathered by their index.

    Parameters
    ----------
    network
        What to train; changed in place.
    train, validation
        The network's inputs and, last, the scaled targets.
    y_scale
        Standard deviation of each output: losses are mean squared errors in these units.
    """

    def __init__(
        self,
        network: keras.Model,
        train: Sequence[Float32],
        validation: Sequence[Float32],
        y_scale: Float32,
        spec: NeuralSpec,
    ) -> None:
        self.network, self.batch_size = network, spec.batch_size
        self.pupil, self.judge = (
            Indexed.over(network, train, y_scale),
            Indexed.over(network, validation, y_scale),
        )
        self.n_validation = len(validation[-1])
        self.pupil.compile(
            keras.optimizers.Adam(spec.learning_rate, clipnorm=1.0),
            steps_per_execution=STEPS_PER_EXECUTION,
            jit_compile=COMPILED,
        )
        self.judge.compile(jit_compile=COMPILED)
        self.pupil.optimizer.build(self.pupil.trainable_variables)

    def epoch(self, order: Int32, on_batch: Callable[[int], None]) -> float:
        """Train once on the samples in ``order``; return the mean loss on the way."""
        watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: on_batch(batch))
        index = order[:, None]
        history = self.pupil.fit(
            index, index, batch_size=self.batch_size, shuffle=False, verbose=0, callbacks=[watch]
        )
        return float(history.history["loss"][-1])

    def loss(self) -> float:
        """Return the mean loss on the validation samples."""
        index = np.arange(self.n_validation, dtype=np.int32)[:, None]
        return float(self.judge.evaluate(index, index, batch_size=PREDICT_BATCH, verbose=0))

    def state(self) -> list[NDArray[Any]]:
        """Return weights and optimizer, enough to go on exactly as if never interrupted."""
        return [*self.network.get_weights(), *map(ops.convert_to_numpy, self.pupil.optimizer.variables)]

    def restore(self, state: Sequence[NDArray[Any]]) -> None:
        """Go on from ``state``."""
        n_weights = len(self.network.weights)
        self.network.set_weights(list(state[:n_weights]))
        for variable, value in zip(self.pupil.optimizer.variables, state[n_weights:], strict=True):
            variable.assign(value)


class Gather(Layer):
    """Look samples up by their index."""

    def __init__(self, table: Float32) -> None:
        super().__init__()
        self.table = ops.convert_to_tensor(table)

    def call(self, index: Tensor) -> Tensor:
        """Return the samples, shape (n, ...)."""
        return ops.take(self.table, index[:, 0], axis=0)


class Indexed(keras.Model):  # type: ignore[misc]  # keras is untyped
    """A model whose input and target is the index of a sample."""

    targets: Tensor
    y_scale: Tensor

    @classmethod
    def over(cls, network: keras.Model, tables: Sequence[Float32], y_scale: Float32) -> Self:
        """Let ``network`` look its inputs and, last, its targets up in ``tables``."""
        index = keras.Input((1,), dtype="int32")
        model = cls(index, network([Gather(table)(index) for table in tables[:-1]]))
        model.targets, model.y_scale = ops.convert_to_tensor(tables[-1]), ops.convert_to_tensor(y_scale)
        return model

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the mean squared error in standard deviations of the targets."""
        error = (ops.take(self.targets, y[:, 0], axis=0) - y_pred) / self.y_scale
        return ops.mean(ops.square(error))
