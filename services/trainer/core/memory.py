"""What a fit will hold in memory, estimated before it starts."""

from itertools import pairwise

from services.trainer.core.problems import ModelTooLarge
from services.trainer.core.svr.fit import is_exact
from shared.contracts.kinds import (
    ArLstmSpec,
    CnnSpec,
    DenseSpec,
    LstmSpec,
    ModelSpec,
    NeuralSpec,
    SvrDirectSpec,
    SvrSpec,
)
from shared.windows.samples import Layout

FLOAT32, FLOAT64 = 4, 8
WEIGHT_COPIES = 6  # weights, gradient, two moments of Adam, the best epoch's, one to write them down
ACTIVATION_COPIES = 3  # forward, gradient, workspace
EVALUATED_WINDOWS = 1024


def fit_bytes(spec: ModelSpec, layout: Layout, n_train: int, n_validation: int) -> int:
    """Estimate the memory of a fit in bytes, samples included, libraries excluded.

    Accurate to a factor of about two: enough to tell what a machine can hold from what it cannot.
    """
    n_window = layout.input_steps * len(layout.inputs)
    n_forecast = layout.output_steps * len(layout.outputs)
    samples = (n_train + n_validation) * (n_window + n_forecast) * FLOAT32
    match spec:
        case NeuralSpec():
            gathered = samples + (n_train + n_validation) * n_forecast * FLOAT32  # and the linear forecast
            at_once = max(spec.batch_size, EVALUATED_WINDOWS)
            weights, per_window = _weights(spec, layout), _activations(spec, layout)
            own = weights * WEIGHT_COPIES + at_once * (n_window + per_window) * ACTIVATION_COPIES
            return samples + gathered + own * FLOAT32
        case SvrDirectSpec() if is_exact(n_train, n_forecast):
            rows_and_working_set = 2 * n_train**2 * FLOAT32
            return 2 * samples + rows_and_working_set + 3 * n_train * n_forecast * FLOAT64
        case SvrSpec():
            return 2 * samples + min(n_train, 4096) ** 2 * FLOAT64
    return samples + 3 * (n_window + n_forecast) ** 2 * FLOAT64


def require_memory(
    spec: ModelSpec, layout: Layout, n_train: int, n_validation: int, *, available_bytes: int
) -> None:
    """Refuse a fit that cannot fit into the memory there is.

    Raises
    ------
    ModelTooLarge
        With the estimate and what is available.
    """
    needed = fit_bytes(spec, layout, n_train, n_validation)
    if needed > available_bytes:
        raise ModelTooLarge(
            f"the fit needs about {_mib(needed)} MiB of memory; {_mib(available_bytes)} MiB are available",
            needed_mib=_mib(needed),
            available_mib=_mib(available_bytes),
        )


def _weights(spec: NeuralSpec, layout: Layout) -> int:
    """Count the weights of a network."""
    n_inputs, n_outputs = len(layout.inputs), len(layout.outputs)
    n_forecast = layout.output_steps * n_outputs
    match spec:
        case DenseSpec():
            widths = [layout.input_steps * n_inputs, *spec.layers, n_forecast]
            return sum(a * b + b for a, b in pairwise(widths))
        case CnnSpec():
            widths = [n_inputs, *spec.layers]
            kernels = sum(spec.kernel_size * a * b + b for a, b in pairwise(widths))
            return kernels + _pooled(layout.input_steps, len(spec.layers)) * widths[-1] * n_forecast
        case LstmSpec() | ArLstmSpec():
            widths = [n_inputs + n_outputs, *spec.layers]
            cells = sum(4 * b * (a + b + 1) for a, b in pairwise(widths))
            return cells + widths[-1] * (n_forecast if isinstance(spec, LstmSpec) else n_outputs)
    raise TypeError(f"{type(spec).__name__} is not a neural kind")


def _activations(spec: NeuralSpec, layout: Layout) -> int:
    """Count the intermediate values of one window."""
    n_forecast = layout.output_steps * len(layout.outputs)
    match spec:
        case CnnSpec():
            steps = (_pooled(layout.input_steps, depth) for depth in range(len(spec.layers)))
            return sum(2 * n * units for n, units in zip(steps, spec.layers, strict=True)) + n_forecast
        case LstmSpec() | ArLstmSpec():
            rolled = layout.output_steps if isinstance(spec, ArLstmSpec) else 0
            return (layout.input_steps + rolled) * sum(6 * units for units in spec.layers) + n_forecast
    return sum(spec.layers) + n_forecast


def _pooled(n_steps: int, depth: int) -> int:
    """Return the steps left after ``depth`` poolings.

    >>> [_pooled(5, depth) for depth in range(4)]
    [5, 2, 1, 1]
    """
    return max(n_steps >> depth, 1)


def _mib(n_bytes: int) -> int:
    return n_bytes // 2**20
