"""What Dense, CNN, LSTM and AR LSTM compute, from a window to a forecast."""

from collections.abc import Sequence
from typing import assert_never

import keras
import numpy as np
from keras import layers

from services.trainer.core.networks.kind import NeuralKind
from services.trainer.core.networks.layers import Forecast, Standardise, Tensor
from services.trainer.core.networks.rollout import Rollout
from services.trainer.core.networks.standardise import Standardisation, rollout_clock
from shared.contracts.kinds import ArLstmSpec, CnnSpec, DenseSpec, LstmSpec
from shared.series.arrays import Float32
from shared.windows.samples import Layout

PREDICT_BATCH = 1024  # windows at a time outside training


def build(spec: NeuralKind, layout: Layout) -> keras.Model:
    """Build a network from a scaled window to the scaled forecast.

    With ``spec.residual`` the network has a second input, the linear forecast, and corrects it; its last
    layer starts at zero, so that an untrained network forecasts what the linear model does.

    Parameters
    ----------
    spec
        The kind, its layers, and the seed of its first weights.
    layout
        Gives every shape: (n, input_steps, n_inputs) -> (n, output_steps, n_outputs).
    """
    keras.utils.set_random_seed(spec.seed)
    x = keras.Input((layout.input_steps, len(layout.inputs)), name="x")
    shape = (layout.output_steps, len(layout.outputs))
    linear = [keras.Input(shape, name="linear")] if spec.residual else []
    start = "zeros" if spec.residual else "glorot_uniform"
    if isinstance(spec, ArLstmSpec):
        clock = rollout_clock(layout)
        y = Rollout(spec.layers, spec.activation, clock, start=start, name="rollout")([x, *linear])
    else:
        hidden = _hidden(spec, Standardise(name="standardise")(x))
        head = layers.Dense(shape[0] * shape[1], kernel_initializer=start, name="head")(hidden)
        y = layers.Reshape(shape, name="steps")(head)
    return keras.Model([x, *linear], Forecast(name="forecast")([y, *linear]), name=spec.kind)


def _hidden(spec: DenseSpec | CnnSpec | LstmSpec, window: Tensor) -> Tensor:
    """Return what the head sees, shape (n, units).

    Every layer has a name of its own, or keras would count on from the last network of the process.
    """
    match spec:
        case DenseSpec():
            hidden = layers.Flatten(name="flat")(window)
            for depth, units in enumerate(spec.layers, start=1):
                hidden = layers.Dense(units, spec.activation, name=f"dense_{depth}")(hidden)
            return hidden
        case CnnSpec():
            hidden = window
            for depth, filters in enumerate(spec.layers, start=1):
                hidden = layers.Conv1D(
                    filters,
                    spec.kernel_size,
                    padding="same",
                    activation=spec.activation,
                    name=f"conv_{depth}",
                )(hidden)
                if hidden.shape[1] >= 2:
                    hidden = layers.MaxPooling1D(2, name=f"pool_{depth}")(hidden)
            return layers.Flatten(name="flat")(hidden)
        case LstmSpec():
            hidden = window
            for depth, units in enumerate(spec.layers, start=1):
                deeper = depth < len(spec.layers)
                cell = layers.LSTM(units, spec.activation, return_sequences=deeper, name=f"lstm_{depth}")
                hidden = cell(hidden)
            return hidden
        case _:
            assert_never(spec)


def set_frame(network: keras.Model, frame: Standardisation) -> None:
    """Give a network the numbers that standardise its windows and forecasts."""
    for layer in network.layers:
        match layer:
            case Standardise():
                layer.set_weights([frame.level, frame.x_mean, frame.x_scale])
            case Forecast():
                layer.set_weights([frame.y_mean, frame.y_scale, np.ones_like(frame.y_scale)])
            case Rollout():
                for variable, value in (
                    (layer.x_mean, frame.x_mean),
                    (layer.x_scale, frame.x_scale),
                    (layer.y_mean, frame.y_mean),
                    (layer.y_scale, frame.y_scale),
                    (layer.gain, frame.own_gain),
                    (layer.offset, frame.own_offset),
                ):
                    variable.assign(value)


def forecast(network: keras.Model, windows: Sequence[Float32]) -> Float32:
    """Run a network on its inputs in batches; no copy of more than one batch is made."""
    n = len(windows[0])
    y = np.empty((n, *network.output_shape[1:]), np.float32)
    for first in range(0, n, PREDICT_BATCH):
        batch = slice(first, first + PREDICT_BATCH)
        y[batch] = network.predict_on_batch([part[batch] for part in windows])
    return y
