"""What a fit will hold in memory, estimated before it starts."""

from services.trainer.core.kinds import kind_of
from services.trainer.core.model_kind import FitSize
from services.trainer.core.problems import ModelTooLarge
from shared.contracts.kinds import ModelSpec
from shared.windows.samples import Layout


def fit_bytes(spec: ModelSpec, layout: Layout, n_train: int, n_validation: int) -> int:
    """Estimate the memory of a fit in bytes, samples included, libraries excluded.

    Accurate to a factor of about two: enough to tell what a machine can hold from what it cannot.
    """
    size = fit_size(layout, n_train, n_validation)
    beyond: int = kind_of(spec).fit_bytes(spec, size)
    return size.samples_bytes + beyond


def fit_size(layout: Layout, n_train: int, n_validation: int) -> FitSize:
    """Return the size of a fit on so many windows of a layout."""
    return FitSize(
        n_inputs=len(layout.inputs),
        n_outputs=len(layout.outputs),
        input_steps=layout.input_steps,
        output_steps=layout.output_steps,
        n_train=n_train,
        n_validation=n_validation,
    )


def require_memory(
    spec: ModelSpec, layout: Layout, n_train: int, n_validation: int, *, available_bytes: int
) -> None:
    """Refuse a fit that cannot fit into the memory there is.

    Raises
    ------
    ModelTooLarge
        With the estimate and what is available.
    """
    needed = fit_bytes(spec, layout, n_train, n_validation) // 2**20
    available = available_bytes // 2**20
    if needed > available:
        raise ModelTooLarge(
            f"the fit needs about {needed} MiB of memory; {available} MiB are available",
            needed_mib=needed,
            available_mib=available,
        )
