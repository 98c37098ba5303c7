"""A fitted model as a value, what a fit returns, and how it tells its progress."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from shared.contracts.events import EpochLoss
from shared.contracts.kinds import Kind
from shared.series.arrays import Float32
from shared.windows.samples import Layout

Arrays = dict[str, NDArray[Any]]  # plain numeric arrays by name: what `numpy.savez` keeps without pickle


class Model(Protocol):
    """A fitted model: immutable, knows how to forecast and how to become plain arrays."""

    kind: ClassVar[Kind]

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n_windows, input_steps, n_inputs) -> (..., output_steps, n_outputs)."""
        ...

    def to_arrays(self) -> Arrays:
        """Return everything the model knows as plain numeric arrays."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model; it predicts exactly as before."""
        ...


@runtime_checkable
class SaysSpread(Protocol):
    """A model that says how far off each of its forecasts may be."""

    def spread(self, x: Float32) -> Float32 | None:
        """Return that in scaled units, positive, shape of what ``predict`` returns; None if not known."""
        ...


@dataclass(frozen=True)
class ArrayFields:
    """A model whose fields are arrays, every unit inside: they are all there is to store."""

    def to_arrays(self) -> Arrays:
        """Return the fields by name."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model; the layout is not needed."""
        return cls(**{f.name: arrays[f.name] for f in fields(cls)})


def under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Return the arrays whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Progress:
    """How far a fit is; ``fraction`` runs from 0 to 1 and never falls.

    ``epoch`` is the newest that is over, ``loss`` and ``val_loss`` are its; ``curve`` holds every epoch that
    ended since progress was told last.
    """

    fraction: float
    phase: str
    epoch: int | None = None
    n_epochs: int | None = None
    loss: float | None = None
    val_loss: float | None = None
    curve: tuple[EpochLoss, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """What a fit returns.

    ``model`` is the one to keep and to forecast with. A model is ranked on the validation part, so the
    ranking needs forecasts from a fit that has not seen it: ``judged``, the same object unless the fit ended
    by using the validation part too. ``history`` holds one list per curve (``loss``, ``val_loss``),
    ``notes`` what the fit chose by itself, as JSON.
    """

    model: Model
    judged: Model
    seconds: float
    history: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, JsonValue] = field(default_factory=dict)


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Take progress and do nothing: for callers who do not watch."""
