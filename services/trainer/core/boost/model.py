"""Boosted trees as a value: the library's text model, the recipe of its rows, and the linear forecast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Arrays, under
from services.trainer.core.step_rows import Recipe
from shared.contracts.kinds import Kind
from shared.series.arrays import Float32
from shared.windows.samples import Layout

BLOCK_ROWS = 1 << 17  # rows forecast at once


@dataclass(frozen=True)
class Trees:
    """The trees of one output: they forecast what the linear model misses, in units of ``spread``."""

    recipe: Recipe
    text: str  # the library's own format: plain text, no code
    booster: lightgbm.Booster
    spread: float

    @classmethod
    def of(cls, recipe: Recipe, text: str, spread: float) -> Self:
        """Load trees from their text."""
        return cls(recipe, text, lightgbm.Booster(model_str=text), spread)


@dataclass(frozen=True)
class BoostModel:
    """Linear forecast plus trees that see it beside the features of each step."""

    kind: ClassVar[Kind] = "lgbmr"

    base: LinearModel
    outputs: tuple[Trees, ...]

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        forecast = self.base.predict(x)
        size = max(1, BLOCK_ROWS // self.base.output_steps)
        for start in range(0, len(x), size):
            some = slice(start, start + size)
            for output, trees in enumerate(self.outputs):
                rows = rows_with(trees.recipe, x[some], forecast[some, :, output])
                missing = trees.booster.predict(rows.reshape(-1, rows.shape[2]), num_threads=1)
                forecast[some, :, output] += np.reshape(missing, rows.shape[:2]) * trees.spread
        return forecast

    def to_arrays(self) -> Arrays:
        """Return texts, recipes and the linear model as plain arrays."""
        arrays = {f"linear/{name}": array for name, array in self.base.to_arrays().items()}
        for output, trees in enumerate(self.outputs):
            arrays[f"text/{output:03}"] = np.frombuffer(trees.text.encode(), np.uint8)
            arrays[f"spread/{output:03}"] = np.array(trees.spread)
            arrays |= {f"recipe/{output:03}/{k}": a for k, a in trees.recipe.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model; it predicts exactly as before."""
        outputs = [
            Trees.of(
                Recipe.from_arrays(under(arrays, f"recipe/{number}/")),
                text.tobytes().decode(),
                float(arrays[f"spread/{number}"]),
            )
            for number, text in sorted(under(arrays, "text/").items())
        ]
        return cls(LinearModel.from_arrays(under(arrays, "linear/"), layout), tuple(outputs))


def rows_with(recipe: Recipe, x: Float32, linear: Float32) -> Float32:
    """Return the rows of windows with the linear forecast (n, output_steps) as their last feature."""
    return np.concatenate([recipe.rows(x), linear[:, :, None]], axis=2)
