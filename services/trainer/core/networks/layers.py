"""Layers that carry a data set's numbers, so that a stored network needs nothing beside itself."""

from collections.abc import Sequence
from typing import Any

import keras

Tensor = Any  # keras is untyped: shapes stand in comments instead

registered = keras.saving.register_keras_serializable(package="trainyard")


class Layer(keras.layers.Layer):  # type: ignore[misc]  # keras is untyped
    """A keras layer, named once for the type checker."""


@registered
class Standardise(Layer):
    """Show columns relative to their last value where ``level`` is 1, then standardise them."""

    def build(self, shape: Sequence[int]) -> None:
        self.level, self.mean, self.scale = constants(
            self, ("level", 0), ("mean", 0), ("scale", 1), size=shape[-1]
        )

    def call(self, x: Tensor) -> Tensor:
        return (x - self.level * x[:, -1:, :] - self.mean) / self.scale


@registered
class Forecast(Layer):
    """Turn standardised forecasts into scaled ones: mean + scale y, or linear + strength scale y."""

    def build(self, shapes: Sequence[Sequence[int]]) -> None:
        size = shapes[0][-1]
        self.mean, self.scale, self.strength = constants(
            self, ("mean", 0), ("scale", 1), ("strength", 1), size=size
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        y, *linear = inputs
        return linear[0] + self.strength * self.scale * y if linear else self.mean + self.scale * y


def constants(layer: Layer, *named: tuple[str, float], size: int) -> list[Tensor]:
    """Give a layer vectors that are stored with it and never trained."""
    return [
        layer.add_weight((size,), keras.initializers.Constant(value), name=name, trainable=False)
        for name, value in named
    ]
