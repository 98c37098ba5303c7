"""Kernels, explicit feature maps of them, and the kernel expansion every support-vector model ends as."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from services.trainer.core.model import ArrayFields
from shared.contracts.kinds import Kernel, Kind, SvrSpec
from shared.series.arrays import Float32, Float64

KERNELS: tuple[Kernel, ...] = ("linear", "poly", "rbf", "sigmoid")
BLOCK_VALUES = 1 << 24  # kernel values held at once: 64 MB
NEGLIGIBLE = 1e-6  # of the largest eigenvalue: directions below are rounding errors of float32


@dataclass(frozen=True)
class KernelFunction:
    """k(x, z) as scikit-learn defines it with ``coef0 = 0``; ``gamma`` is a number by now."""

    kernel: Kernel
    gamma: float
    degree: int

    def __call__(self, x: Float32, z: Float32) -> Float32:
        """Return the kernel matrix (len(x), len(z)) of rows."""
        product: Float32 = x @ z.T
        match self.kernel:
            case "linear":
                return product
            case "poly":
                return np.asarray((self.gamma * product) ** self.degree, dtype=np.float32)
            case "sigmoid":
                return np.asarray(np.tanh(np.float32(self.gamma) * product))
            case "rbf":
                product *= -2.0
                product += np.einsum("np,np->n", x, x)[:, None]
                product += np.einsum("np,np->n", z, z)
                # Rounding can leave a tiny negative squared distance between equal rows.
                np.maximum(product, 0.0, out=product)
                product *= -self.gamma
                return np.asarray(np.exp(product, out=product))


def resolve_kernel(spec: SvrSpec, x: Float32) -> KernelFunction:
    """Fix ``gamma``; "scale" is 1 / (n_features * variance of x), as in scikit-learn."""
    if spec.gamma != "scale":
        return KernelFunction(spec.kernel, float(spec.gamma), spec.degree)
    variance = float(x.var(dtype=np.float64))
    return KernelFunction(spec.kernel, 1.0 / (x.shape[1] * variance) if variance > 0 else 1.0, spec.degree)


@dataclass(frozen=True)
class FeatureMap:
    """phi(x) = k(x, centres) @ whiten, so that phi(x) @ phi(z) approximates k(x, z).

    ``exact`` says that it reproduces the kernel between training windows: every window is a centre, or the
    kernel is linear and the inputs themselves are the features.
    """

    function: KernelFunction
    centres: Float32  # (n_centres, p)
    whiten: Float32  # (n_centres, n_features)
    exact: bool

    def __call__(self, x: Float32) -> Float32:
        """Return features (len(x), n_features), block by block."""
        features = np.empty((len(x), self.whiten.shape[1]), dtype=np.float32)
        rows = max(1, BLOCK_VALUES // len(self.centres))
        for start in range(0, len(x), rows):
            block = slice(start, start + rows)
            features[block] = self.function(x[block], self.centres) @ self.whiten
        return features


def fit_feature_map(function: KernelFunction, x: Float32, *, n_centres: int, seed: int) -> FeatureMap:
    """Build the Nystroem map of a kernel on ``n_centres`` windows drawn at random, all if there are fewer.

    A sigmoid kernel is not positive definite: directions with negative eigenvalues are dropped.
    """
    if function.kernel == "linear":
        return FeatureMap(function, *(np.eye(x.shape[1], dtype=np.float32),) * 2, exact=True)
    exact = len(x) <= n_centres
    chosen = (
        np.arange(len(x))
        if exact
        else np.sort(np.random.default_rng(seed).choice(len(x), n_centres, replace=False))
    )
    centres = np.ascontiguousarray(x[chosen])
    gram = function(centres, centres).astype(np.float64)
    values, vectors = scipy.linalg.eigh((gram + gram.T) / 2.0, driver="evd")
    kept = values > NEGLIGIBLE * values[-1]
    whiten = vectors[:, kept] / np.sqrt(values[kept])
    return FeatureMap(function, centres, whiten.astype(np.float32), exact)


@dataclass(frozen=True)
class KernelModel(ArrayFields):
    """f(x) = k(x, centres) @ weights + intercept on the flattened window; every output at once.

    Exact support vectors, Nystroem features and the joint regressor all end in this form.
    """

    kind: ClassVar[Kind] = "svr_dir"

    kernel: NDArray[np.int64]  # () index into KERNELS
    gamma: Float64  # ()
    degree: NDArray[np.int64]  # ()
    centres: Float32  # (n_centres, p)
    weights: Float32  # (n_centres, n_targets)
    intercept: Float32  # (n_targets,)
    output_steps: NDArray[np.int64]  # ()

    @property
    def function(self) -> KernelFunction:
        """The kernel."""
        return KernelFunction(KERNELS[int(self.kernel)], float(self.gamma), int(self.degree))

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        function, n_targets = self.function, len(self.intercept)
        forecast = np.empty((len(x), n_targets), dtype=np.float32)
        rows = max(1, BLOCK_VALUES // max(1, len(self.centres)))
        for start in range(0, len(x), rows):
            block = flatten(x[start : start + rows])
            forecast[start : start + rows] = function(block, self.centres) @ self.weights + self.intercept
        steps = int(self.output_steps)
        return forecast.reshape(len(x), steps, n_targets // steps)

    @classmethod
    def assemble(
        cls,
        function: KernelFunction,
        centres: Float32,
        weights: Float32,
        intercept: Float32,
        output_steps: int,
    ) -> Self:
        """Build the model from its parts."""
        return cls(
            kernel=np.asarray(KERNELS.index(function.kernel)),
            gamma=np.asarray(function.gamma),
            degree=np.asarray(function.degree),
            centres=centres.astype(np.float32),
            weights=weights.astype(np.float32),
            intercept=intercept.astype(np.float32),
            output_steps=np.asarray(output_steps),
        )


@dataclass(frozen=True)
class JointKernelModel(KernelModel):
    """The same expansion, fitted for all steps and outputs with one joint loss."""

    kind: ClassVar[Kind] = "svr_mimo"


def flatten(x: Float32) -> Float32:
    """Return windows as contiguous rows (n_windows, input_steps * n_inputs)."""
    return np.ascontiguousarray(x, dtype=np.float32).reshape(len(x), -1)
