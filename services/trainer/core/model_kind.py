"""A model kind as one value: all that tells it from the others, in one place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from services.trainer.core.model import Fitted, Model, OnProgress
from services.trainer.core.onnx_graph import Graph
from shared.contracts.kinds import KindSpec
from shared.windows.samples import Layout, Samples

SpecT = TypeVar("SpecT", bound=KindSpec)
SpecIn = TypeVar("SpecIn", bound=KindSpec, contravariant=True)
ModelT = TypeVar("ModelT", bound=Model)

FLOAT32, FLOAT64 = 4, 8  # bytes


@dataclass(frozen=True)
class FitSize:
    """How large a fit is; products of it are numbers of values."""

    n_inputs: int
    n_outputs: int
    input_steps: int
    output_steps: int
    n_train: int
    n_validation: int

    @property
    def n_windows(self) -> int:
        """Training and validation samples."""
        return self.n_train + self.n_validation

    @property
    def window(self) -> int:
        """Values of one window."""
        return self.input_steps * self.n_inputs

    @property
    def forecast(self) -> int:
        """Values of one forecast."""
        return self.output_steps * self.n_outputs

    @property
    def samples_bytes(self) -> int:
        """Bytes of all windows and truths."""
        return self.n_windows * (self.window + self.forecast) * FLOAT32


class Fit(Protocol[SpecIn]):
    """A function that fits one kind."""

    def __call__(
        self,
        spec: SpecIn,
        train: Samples,
        validation: Samples,
        layout: Layout,
        *,
        on_progress: OnProgress = ...,
        checkpoint: Path | None = None,
    ) -> Fitted:
        """Fit a model.

        ``checkpoint`` is a file in which a long fit may keep its state and from which it goes on after an
        interruption; a kind that takes seconds leaves it alone and starts anew.
        """
        ...


@dataclass(frozen=True)
class Range:
    """A positive number that is searched by its logarithm."""

    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    options: tuple[object, ...]


Dimension = Range | Choice


@dataclass(frozen=True)
class ModelKind(Generic[SpecT, ModelT]):
    """Everything the trainer knows about one kind; its name, words and parameters are its ``spec``'s.

    Parameters
    ----------
    spec
        The class in ``shared/contracts/kinds.py``.
    fit
        Fits it.
    model
        Returns the class that rebuilds a stored model; a function, because a class may need libraries that
        take seconds to import.
    to_onnx
        Appends a model to a graph: given the name of scaled windows (n, input_steps, n_inputs), it returns
        that of scaled forecasts (n, output_steps, n_outputs).
    fit_bytes
        Memory of a fit beyond the samples, in bytes, to a factor of about two.
    files
        Formats beside ``npz`` and ``onnx`` that are stored with every model, by suffix, and who writes them.
    on_request
        Formats that are written when somebody asks for them.
    space
        What a search may vary, by parameter.
    slow_import
        The module whose import takes seconds, loaded while a fresh process waits for its first task.
    """

    spec: type[SpecT]
    fit: Fit[SpecT]
    model: Callable[[], type[ModelT]]
    to_onnx: Callable[[Graph, ModelT, str], str]
    fit_bytes: Callable[[SpecT, FitSize], int]
    files: Mapping[str, Callable[[ModelT, Layout, Path], None]] = field(default_factory=dict)
    on_request: Mapping[str, Callable[[ModelT, Layout, Path], None]] = field(default_factory=dict)
    space: Mapping[str, Dimension] = field(default_factory=dict)
    slow_import: str | None = None
