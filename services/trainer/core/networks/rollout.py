"""The autoregressive part of AR LSTM: warm up on the past, then live on one's own forecasts."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from keras import layers, ops

from services.trainer.core.networks.layers import Layer, Tensor, constants, registered
from services.trainer.core.networks.standardise import RolloutInputs
from shared.contracts.kinds import Activation


@registered
class Rollout(Layer):
    """Warm an LSTM up on the past, then feed back each forecast with the known inputs of its step.

    A cell input is [targets, known columns, past-only columns], standardised. During the warm-up the
    targets are their observed past, afterwards the previous forecast; of the past-only columns nothing
    is known any more, so they add nothing (0, their mean). With a linear forecast to correct, the cell
    is fed the corrected one. A call returns what the cell adds, in standardised target units.
    """

    def __init__(
        self, units: Sequence[int], activation: Activation, clock: RolloutInputs, *, start: str, **named: Any
    ) -> None:
        super().__init__(**named)
        self.units, self.activation, self.clock, self.start = tuple(units), activation, clock, start
        self.stack = Stack(units, activation, name="stack")
        self.head = layers.Dense(len(clock.own), kernel_initializer=start, name="head")
        self.warm_up = layers.RNN(self.stack, return_state=True, name="warm_up")
        self.feedback = layers.RNN(Feedback(self.stack, self.head), return_sequences=True, name="feedback")

    def build(self, shapes: Sequence[Sequence[int]]) -> None:
        """Create the constants and the cells' weights."""
        n_inputs, n_outputs = shapes[0][-1], len(self.clock.own)
        self.x_mean, self.x_scale = constants(self, ("x_mean", 0), ("x_scale", 1), size=n_inputs)
        self.y_mean, self.y_scale = constants(self, ("y_mean", 0), ("y_scale", 1), size=n_outputs)
        self.gain, self.offset = constants(self, ("own_gain", 0), ("own_offset", 0), size=n_outputs)
        width = n_outputs + len(self.clock.known) + len(self.clock.past)
        self.warm_up.build((None, None, width))
        self.feedback.build((None, None, width))

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Forecast step by step: (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        x, *linear = inputs
        clock, n, n_warm = self.clock, ops.shape(x)[0], x.shape[1] - 1
        n_steps = clock.places.shape[1] - n_warm
        z = (x - self.x_mean) / self.x_scale
        own = ops.take(x, np.maximum(clock.own, 0), axis=2) * self.gain + self.offset
        known = _read(z, clock)
        past = ops.take(z, np.asarray(clock.past, np.int32), axis=2)
        state = self.stack.get_initial_state(n)
        if n_warm:
            seen = ops.concatenate([own[:, :-1], known[:, :n_warm], past[:, :-1]], axis=-1)
            state = self.warm_up(seen)[1:]
        base = (linear[0] - self.y_mean) / self.y_scale if linear else ops.zeros((n, n_steps, len(clock.own)))
        unseen = ops.zeros((n, n_steps, len(clock.past)))
        steps = ops.concatenate([base, known[:, n_warm:], unseen], axis=-1)
        return self.feedback(steps, initial_state=[*state, own[:, -1]]) - base

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        clock = {"own": self.clock.own, "known": self.clock.known, "past": self.clock.past}
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "start": self.start,
            "clock": {**clock, "places": self.clock.places.ravel().tolist()},
            "n_steps": self.clock.places.shape[1],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the layer, weights apart."""
        clock = config.pop("clock")
        columns = {name: tuple(clock[name]) for name in ("own", "known", "past")}
        places = np.array(clock["places"], float).reshape(len(columns["known"]), config.pop("n_steps"))
        return cls(clock=RolloutInputs(**columns, places=places), **config)


def _read(z: Tensor, clock: RolloutInputs) -> Tensor:
    """Return the known columns at the clock's steps, interpolated, shape (n, n_steps, n_known)."""
    _, input_steps, n_inputs = z.shape
    flat = ops.reshape(z, (-1, input_steps * n_inputs))
    before = np.floor(clock.places).astype(np.int32)
    after = np.minimum(before + 1, input_steps - 1)
    share = (clock.places - before).T.astype(np.float32)
    low, high = (
        ops.take(flat, (at * n_inputs + np.array(clock.known, np.int32)[:, None]).T, axis=1)
        for at in (before, after)
    )
    return low + share * (high - low)


class Stack(Layer):
    """LSTM cells on top of each other, their states in one flat list."""

    def __init__(self, units: Sequence[int], activation: Activation, **named: Any) -> None:
        super().__init__(**named)
        self.cells = [layers.LSTMCell(n, activation, name=f"cell_{depth}") for depth, n in enumerate(units)]
        self.state_size = [n for n in units for _ in ("h", "c")]
        self.output_size = units[-1]

    def build(self, shape: Sequence[int]) -> None:
        """Create the cells' weights."""
        width = shape[-1]
        for cell in self.cells:
            cell.build((None, width))
            width = cell.units

    def call(self, z: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Take one step."""
        after = []
        for depth, cell in enumerate(self.cells):
            z, pair = cell(z, states[2 * depth : 2 * depth + 2])
            after += list(pair)
        return z, after

    def get_initial_state(self, batch_size: Tensor = None) -> list[Tensor]:
        """Return zeros."""
        return [ops.zeros((batch_size, n)) for n in self.state_size]


class Feedback(Layer):
    """A step of the rollout: input [linear forecast, known, past-only], last state the forecast."""

    def __init__(self, stack: Stack, head: layers.Layer) -> None:
        super().__init__(name="cell")
        self.stack, self.head = stack, head
        self.state_size = [*stack.state_size, head.units]
        self.output_size = head.units

    def build(self, shape: Sequence[int]) -> None:
        """Create the head's weights, and the stack's if the warm-up did not."""
        if not self.stack.built:
            self.stack.build(shape)
        self.head.build((None, self.stack.output_size))

    def call(self, step: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Forecast one step from the previous forecast."""
        *lstm, previous = states
        n_outputs = self.output_size
        hidden, after = self.stack(ops.concatenate([previous, step[:, n_outputs:]], axis=-1), lstm)
        forecast = step[:, :n_outputs] + self.head(hidden)
        return forecast, [*after, forecast]
