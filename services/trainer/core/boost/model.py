"""Boosted trees as a value: the library's text model, the recipe of its rows, and the linear forecast."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Arrays, under
from services.trainer.core.step_rows import Recipe
from shared.contracts.kinds import Kind
from shared.series.arrays import Float32, Float64
from shared.windows.samples import Layout

ENDS = ("lower", "upper")  # how quantiles are named where they are stored
NARROWEST = 0.01  # in units of ``Trees.spread``: nothing is certain
BLOCK_ROWS = 1 << 17  # rows forecast at once


@dataclass(frozen=True)
class Boosted:
    """What the library grew in one fit, as its own format: plain text, no code. Loaded when first asked."""

    text: str

    @cached_property
    def booster(self) -> lightgbm.Booster:
        """The same as the library's object."""
        return lightgbm.Booster(model_str=self.text)

    def predict(self, rows: Float32) -> Float64:
        """Forecast rows, (n, n_features) -> (n,)."""
        return np.asarray(self.booster.predict(rows, num_threads=1), dtype=np.float64)


@dataclass(frozen=True)
class Alone:
    """Trees that forecast an output itself, in units of ``Trees.spread``; ``share`` of the say is theirs.

    Their leaves are linear functions, which know no end: forecasts are held between ``least`` and ``most``.
    Those of earlier releases have leaves that are constants, and need no holding.
    """

    boosted: Boosted
    share: float
    least: float = -np.inf
    most: float = np.inf

    def predict(self, rows: Float32) -> Float64:
        """Forecast rows, (n, n_features) -> (n,)."""
        return np.clip(self.boosted.predict(rows), self.least, self.most)


@dataclass(frozen=True)
class Trees:
    """The trees of one output, in units of ``spread``.

    ``correcting`` forecast what the linear model misses. Where trees that stand ``alone`` have no say, and in
    models of earlier releases, there are none. ``quantiles`` are trees for both ends between which most of
    what the linear model misses lies, the lower one first; () where nobody asked for them.
    """

    recipe: Recipe
    spread: float
    correcting: Boosted
    alone: Alone | None = None
    quantiles: tuple[Boosted, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All trees in the library's own format: those that correct, stand alone, and tell quantiles."""
        alone = () if self.alone is None else (self.alone.boosted,)
        return tuple(one.text for one in (self.correcting, *alone, *self.quantiles))

    def predict(self, rows: Float32) -> Float32:
        """Forecast rows that end with the linear forecast, (n, n_features) -> (n,), in scaled units."""
        corrected = rows[:, -1] + self.correcting.predict(rows) * self.spread
        if self.alone is None:
            return corrected.astype(np.float32)
        alone = self.alone.predict(rows) * self.spread
        return (corrected + self.alone.share * (alone - corrected)).astype(np.float32)

    def half_width(self, rows: Float32) -> Float32:
        """Return half the distance of both quantiles, (n, n_features) -> (n,), in scaled units."""
        lower, upper = (one.predict(rows) for one in self.quantiles)
        return (np.maximum((upper - lower) / 2.0, NARROWEST) * self.spread).astype(np.float32)


@dataclass(frozen=True)
class BoostModel:
    """Trees that see the linear forecast beside the features of each step, and correct it or stand alone."""

    kind: ClassVar[Kind] = "lgbmr"

    base: LinearModel
    outputs: tuple[Trees, ...]

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        return self._of_rows(x, Trees.predict)

    def spread(self, x: Float32) -> Float32 | None:
        """Return half the distance of the quantiles, shape of the forecast; None without trees for them."""
        if not all(trees.quantiles for trees in self.outputs):
            return None
        return self._of_rows(x, Trees.half_width)

    def _of_rows(self, x: Float32, of: Callable[[Trees, Float32], Float32]) -> Float32:
        """Ask each output's trees something of their rows, block by block; the shape is the forecast's."""
        found = self.base.predict(x)  # overwritten output by output, once their rows have read it
        size = max(1, BLOCK_ROWS // self.base.output_steps)
        for start in range(0, len(x), size):
            some = slice(start, start + size)
            for output, trees in enumerate(self.outputs):
                rows = rows_with(trees.recipe, x[some], found[some, :, output])
                found[some, :, output] = of(trees, rows.reshape(-1, rows.shape[2])).reshape(rows.shape[:2])
        return found

    def to_arrays(self) -> Arrays:
        """Return texts, recipes and the linear model as plain arrays."""
        arrays = {f"linear/{name}": array for name, array in self.base.to_arrays().items()}
        for output, trees in enumerate(self.outputs):
            texts = [("text", trees.correcting), *zip(ENDS, trees.quantiles, strict=False)]
            if trees.alone is not None:
                texts.append(("alone", trees.alone.boosted))
                arrays[f"share/{output:03}"] = np.array(trees.alone.share)
                arrays[f"range/{output:03}"] = np.array((trees.alone.least, trees.alone.most))
            for name, one in texts:
                arrays[f"{name}/{output:03}"] = np.frombuffer(one.text.encode(), np.uint8)
            arrays[f"spread/{output:03}"] = np.array(trees.spread)
            arrays |= {f"recipe/{output:03}/{k}": a for k, a in trees.recipe.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model; it predicts exactly as before."""
        outputs = []
        for number in sorted(under(arrays, "text/")):
            read = {
                name: Boosted(arrays[f"{name}/{number}"].tobytes().decode())
                for name in ("text", "alone", *ENDS)
                if f"{name}/{number}" in arrays
            }
            alone = None
            if "alone" in read:
                least, most = arrays.get(f"range/{number}", np.array((-np.inf, np.inf))).tolist()
                alone = Alone(read["alone"], float(arrays[f"share/{number}"]), least, most)
            recipe = Recipe.from_arrays(under(arrays, f"recipe/{number}/"))
            quantiles = tuple(read[end] for end in ENDS if end in read)
            outputs.append(Trees(recipe, float(arrays[f"spread/{number}"]), read["text"], alone, quantiles))
        return cls(LinearModel.from_arrays(under(arrays, "linear/"), layout), tuple(outputs))


def rows_with(recipe: Recipe, x: Float32, linear: Float32) -> Float32:
    """Return the rows of windows with the linear forecast (n, output_steps) as their last feature."""
    return np.concatenate([recipe.rows(x), linear[:, :, None]], axis=2)
