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
    """The trees of one output, in units of ``spread``.

    ``booster`` forecasts what the linear model misses, ``alone`` the output itself, and has ``share`` of the
    say, 0 to 1. Where it has none, and in models of earlier releases, there are no such trees.
    """

    recipe: Recipe
    text: str  # the library's own format: plain text, no code
    booster: lightgbm.Booster
    spread: float
    alone_text: str | None = None
    alone: lightgbm.Booster | None = None
    share: float = 0.0

    @classmethod
    def of(
        cls, recipe: Recipe, text: str, spread: float, alone_text: str | None = None, share: float = 0.0
    ) -> Self:
        """Load trees from their texts."""
        alone = None if alone_text is None else lightgbm.Booster(model_str=alone_text)
        return cls(recipe, text, lightgbm.Booster(model_str=text), spread, alone_text, alone, share)

    def predict(self, rows: Float32) -> Float32:
        """Forecast rows that end with the linear forecast, (n, n_features) -> (n,), in scaled units."""
        corrected = rows[:, -1] + np.asarray(self.booster.predict(rows, num_threads=1)) * self.spread
        if self.alone is None:
            return corrected.astype(np.float32)
        alone = np.asarray(self.alone.predict(rows, num_threads=1)) * self.spread
        return (corrected + self.share * (alone - corrected)).astype(np.float32)


@dataclass(frozen=True)
class BoostModel:
    """Trees that see the linear forecast beside the features of each step, and correct it or stand alone."""

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
                flat = trees.predict(rows.reshape(-1, rows.shape[2]))
                forecast[some, :, output] = flat.reshape(rows.shape[:2])
        return forecast

    def to_arrays(self) -> Arrays:
        """Return texts, recipes and the linear model as plain arrays."""
        arrays = {f"linear/{name}": array for name, array in self.base.to_arrays().items()}
        for output, trees in enumerate(self.outputs):
            arrays[f"text/{output:03}"] = np.frombuffer(trees.text.encode(), np.uint8)
            if trees.alone_text is not None:
                arrays[f"alone/{output:03}"] = np.frombuffer(trees.alone_text.encode(), np.uint8)
                arrays[f"share/{output:03}"] = np.array(trees.share)
            arrays[f"spread/{output:03}"] = np.array(trees.spread)
            arrays |= {f"recipe/{output:03}/{k}": a for k, a in trees.recipe.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model; it predicts exactly as before."""
        alone = {number: text.tobytes().decode() for number, text in under(arrays, "alone/").items()}
        outputs = [
            Trees.of(
                Recipe.from_arrays(under(arrays, f"recipe/{number}/")),
                text.tobytes().decode(),
                float(arrays[f"spread/{number}"]),
                alone.get(number),
                float(arrays.get(f"share/{number}", 0.0)),
            )
            for number, text in sorted(under(arrays, "text/").items())
        ]
        return cls(LinearModel.from_arrays(under(arrays, "linear/"), layout), tuple(outputs))


def rows_with(recipe: Recipe, x: Float32, linear: Float32) -> Float32:
    """Return the rows of windows with the linear forecast (n, output_steps) as their last feature."""
    return np.concatenate([recipe.rows(x), linear[:, :, None]], axis=2)
