"""A network in training: epochs over samples that are looked up by index."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from services.trainer.core.networks.architectures import forecast
from services.trainer.core.networks.layers import Layer, Tensor
from shared.contracts.kinds import NeuralSpec
from shared.series.arrays import Float32

# A graph of TensorFlow gains nothing from XLA at these sizes on CPU, and pays seconds; JAX would run eagerly.
COMPILED = keras.backend.backend() != "tensorflow"
LOSS_WINDOWS = 1 << 14  # windows whose forecasts are held at once while a loss is computed


class Training:
    """A network in training: samples stay where they are, batches are gathered by their index.

    Parameters
    ----------
    network
        What to train; changed in place.
    samples, validation
        The network's inputs and, last, the scaled targets; ``run`` says how many samples are learned from.
    y_scale
        Standard deviation of each output: losses are mean squared errors in these units.
    """

    def __init__(
        self,
        network: keras.Model,
        samples: Sequence[Float32],
        validation: Sequence[Float32],
        y_scale: Float32,
        spec: NeuralSpec,
    ) -> None:
        self.network, self.batch_size = network, spec.batch_size
        self._validation, self._y_scale = validation, y_scale
        learner = IndexedBatches if COMPILED else TensorflowLoop
        self.trainer_model = learner.over(network, samples, y_scale)
        self.trainer_model.compile(
            keras.optimizers.Adam(spec.learning_rate, clipnorm=1.0), jit_compile=COMPILED
        )
        self.trainer_model.optimizer.build(self.trainer_model.trainable_variables)

    def run(
        self,
        epochs: range,
        n_samples: int,
        seed: int,
        *,
        on_batch: Callable[[int, int], None],
        on_epoch: Callable[[int, float], bool],
    ) -> None:
        """Train epoch after epoch, each time over the first samples in another order.

        Parameters
        ----------
        n_samples
            How many of the samples are learned from.
        seed
            With the number of an epoch it tells the order of its samples.
        on_batch
            Called now and then with the epoch and the batch.
        on_epoch
            Called with the epoch and its mean loss on the way; says whether to go on.
        """
        for epoch in epochs:
            order = np.arange(len(self.trainer_model.targets), dtype=np.int32)
            order[:n_samples] = np.random.default_rng((seed, epoch)).permutation(n_samples)
            self.trainer_model.order.assign(order)
            total = 0.0
            step = self.batch_size * self.trainer_model.batches_at_once
            for first in range(0, n_samples, step):
                stop = min(first + step, n_samples)
                total += (stop - first) * self.trainer_model.learn(first, stop, self.batch_size)
                on_batch(epoch, (stop - 1) // self.batch_size)
            if not on_epoch(epoch, total / n_samples):
                break

    def begin_again(self, learning_rate: float) -> None:
        """Go on from the network's weights with an optimizer that has seen nothing yet."""
        optimizer = self.trainer_model.optimizer
        for variable in optimizer.variables:
            variable.assign(ops.zeros_like(variable))
        optimizer.learning_rate.assign(learning_rate)

    def loss(self) -> float:
        """Return the mean loss on the validation samples."""
        *inputs, y = self._validation
        total = 0.0
        for first in range(0, len(y), LOSS_WINDOWS):
            part = slice(first, first + LOSS_WINDOWS)
            with np.errstate(over="ignore"):  # what diverges becomes infinite, and whoever asks refuses it
                error = (forecast(self.network, [x[part] for x in inputs]) - y[part]) / self._y_scale
                total += float(np.sum(np.square(error), dtype=np.float64))
        return total / y.size

    def state(self) -> list[NDArray[Any]]:
        """Return weights and optimizer, enough to go on exactly as if never interrupted."""
        return [
            *self.network.get_weights(),
            *map(ops.convert_to_numpy, self.trainer_model.optimizer.variables),
        ]

    def restore(self, state: Sequence[NDArray[Any]]) -> None:
        """Go on from ``state``."""
        n_weights = len(self.network.weights)
        self.network.set_weights(list(state[:n_weights]))
        for variable, value in zip(self.trainer_model.optimizer.variables, state[n_weights:], strict=True):
            variable.assign(value)


class Gather(Layer):
    """Look up the sample whose turn it is at a position of the epoch."""

    def __init__(self, table: Float32, order: keras.Variable) -> None:
        super().__init__()
        self.table, self.order = ops.convert_to_tensor(table), order

    def call(self, position: Tensor) -> Tensor:
        """Return the samples, shape (n, ...)."""
        return ops.take(self.table, ops.take(self.order, position[:, 0]), axis=0)


class IndexedBatches(keras.Model):  # type: ignore[misc]  # keras is untyped
    """A model whose input and target is a position in the epoch; ``order`` says which sample has its turn."""

    order: keras.Variable
    targets: Tensor
    y_scale: Tensor
    batches_at_once: ClassVar[int] = 1

    @classmethod
    def over(cls, network: keras.Model, tables: Sequence[Float32], y_scale: Float32) -> Self:
        """Let ``network`` look its inputs and, last, its targets up in ``tables``."""
        position = keras.Input((1,), dtype="int32")
        order = keras.Variable(np.arange(len(tables[-1]), dtype=np.int32), trainable=False, dtype="int32")
        model = cls(position, network([Gather(table, order)(position) for table in tables[:-1]]))
        model.order = order
        model.targets, model.y_scale = ops.convert_to_tensor(tables[-1]), ops.convert_to_tensor(y_scale)
        return model

    def learn(self, first: int, stop: int, batch_size: int) -> float:
        """Take one step for each batch from one position of the epoch to another; return the mean loss."""
        positions = np.arange(first, stop, dtype=np.int32)[:, None]
        return float(self.train_on_batch(positions, positions))

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the mean squared error in standard deviations of the targets."""
        samples = ops.take(self.order, y[:, 0])
        error = (ops.take(self.targets, samples, axis=0) - y_pred) / self.y_scale
        return ops.mean(ops.square(error))


class TensorflowLoop(IndexedBatches):
    """Takes many batches per call into the backend, and no pipeline of data.

    The pipeline that ``fit`` sets up has threads of its own: each batch was handed to them and back, and the
    end of an epoch waited until one of them had slept enough. For TensorFlow, whose shapes may vary.
    """

    batches_at_once = 32

    def learn(self, first: int, stop: int, batch_size: int) -> float:
        """Take one step for each batch from one position of the epoch to another; return the mean loss."""
        return float(self.train_on_batch(np.array([first, stop, batch_size], np.int32)))

    def train_step(self, data: Tensor) -> dict[str, Tensor]:
        """Take the steps, one after the other."""
        bounds, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        first, stop, size = bounds[0], bounds[1], bounds[2]
        take_step = super().train_step

        def step(batch: Tensor, loss: Tensor) -> Tensor:
            start = first + batch * size
            positions = ops.arange(start, ops.minimum(start + size, stop), dtype="int32")[:, None]
            return take_step((positions, positions))["loss"]  # the mean of all batches of this call so far

        return {"loss": ops.fori_loop(0, (stop - first + size - 1) // size, step, ops.zeros(()))}
