"""A model as files: plain arrays to load it from, and formats for others to use it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnx import TensorProto
from pydantic import JsonValue

from services.trainer.core.kinds import KINDS, kind_of
from services.trainer.core.model import Model
from services.trainer.core.onnx_graph import Graph
from services.trainer.core.predict import AverageForecaster, Forecaster
from shared.contracts.kinds import EnsembleSpec
from shared.errors import InvalidInput
from shared.models.passport import PASSPORT, Passport, PassportViolated, layout_from_json, read_passport
from shared.windows.samples import Layout

ARRAYS = "model.npz"


class FormatUnavailable(InvalidInput):
    """A model of this kind cannot be written in the format that was asked for."""

    code = "FORMAT_UNAVAILABLE"


def save_model(model: Model, layout: Layout, folder: Path) -> dict[str, JsonValue]:
    """Write a model in every format there is for its kind; return notes on what is missing, if anything.

    ``model.npz`` is what we load: plain arrays, no code, no pickle. ``model.onnx`` is the whole way from
    original units to original units. ``model.keras`` is the network of a neural kind: scaled windows, and
    the scaled linear forecast if it corrects one. ``model.skops`` is a scikit-learn estimator of flattened
    scaled windows.
    """
    kind = KINDS[model.kind]
    np.savez(folder / ARRAYS, **model.to_arrays())  # type: ignore[arg-type]  # the stub means allow_pickle
    notes: dict[str, JsonValue] = {}
    try:
        (folder / "model.onnx").write_bytes(to_onnx(Forecaster(model, layout)))
    except ImportError as error:  # keras on JAX needs jax2onnx, which is no dependency of ours
        notes["onnx"] = f"not written: {error}"
    for suffix, write in kind.files.items():
        write(model, layout, folder / f"model.{suffix}")
    return notes


def export_model(folder: Path, suffix: str, output: Path, *, passport_sha256: str | None = None) -> None:
    """Write a stored model in a format that is made on request only: ``h5``, a neural kind's network.

    Raises
    ------
    FormatUnavailable
        If the kind has no such format, or stores it anyway; nothing was loaded.
    PassportViolated
        If a file differs from what the passport says.
    """
    passport = read_passport(folder, sha256=passport_sha256)
    on_request = {} if isinstance(passport.spec, EnsembleSpec) else kind_of(passport.spec).on_request
    if suffix not in on_request:
        stored = sorted(Path(name).suffix[1:] for name in passport.files if name.startswith("model."))
        available = [*stored, *on_request]
        raise FormatUnavailable(
            f"a model of kind {passport.kind} is not made as {suffix}",
            suggestions=(f"Choose one of {', '.join(available)}.",),
            field="format",
            available=list(available),
        )
    forecaster = _load_one(folder, passport)
    on_request[suffix](forecaster.model, forecaster.layout, output)


def to_onnx(forecaster: Forecaster) -> bytes:
    """Return a model as ONNX: input ``x`` and output ``y`` are float64 in original units.

    The scalers are part of the graph, computed in float64 as ours are; the model itself is float32.
    """
    model, layout = forecaster.model, forecaster.layout
    graph = Graph(layout)
    scaled = graph.node("Cast", graph.scale("x", layout.x_scaler), to=TensorProto.FLOAT)
    forecast = KINDS[model.kind].to_onnx(graph, model, scaled)
    y = graph.unscale(graph.node("Cast", forecast, to=TensorProto.DOUBLE), layout.y_scaler)
    if any(floor is not None for floor in layout.floors):
        floors = np.array([-np.inf if floor is None else floor for floor in layout.floors])
        y = graph.node("Max", y, graph.constant(floors))
    if any(layout.darkness):
        y = graph.node("Mul", y, graph.node("Concat", *_light(graph, layout, scaled), axis=2))
    return graph.to_bytes(y)


def _light(graph: Graph, layout: Layout, scaled: str) -> Iterator[str]:
    """Append, per output, 0 for steps that are dark and 1 for others, shape (n, output_steps, 1) each."""
    for output, darkness in enumerate(layout.darkness):
        points = np.zeros((layout.output_steps, 1), np.int64)
        column, zero = 0, -np.inf  # nothing is dark
        if darkness is not None:
            points = darkness.points(*layout.ahead_and_past(output, darkness.column))
            column, zero = darkness.column, darkness.zero
        own = graph.node("Gather", scaled, graph.constant(np.array(column)), axis=2)
        looked_at = graph.node("Gather", own, graph.constant(points), axis=1)
        brightest = graph.node("ReduceMax", looked_at, graph.constant(np.array([2])), keepdims=1)
        brightest_at_all = graph.node("ReduceMax", own, graph.constant(np.array([1])), keepdims=1)
        limit = graph.float(np.array(zero))
        bright = graph.node("Greater", brightest, limit)
        nothing = graph.node("Not", graph.node("Greater", brightest_at_all, limit))
        nothing = graph.node("Unsqueeze", nothing, graph.constant(np.array([2])))
        yield graph.node("Cast", graph.node("Or", bright, nothing), to=TensorProto.DOUBLE)


def load_forecaster(folder: Path, *, passport_sha256: str | None = None) -> Forecaster | AverageForecaster:
    """Return a stored model, after all its files were verified.

    The members of an average lie in folders beside its own, named by their jobs; its passport says which
    passports of theirs are the right ones.

    Raises
    ------
    PassportViolated
        If a file differs from what the passport says, a member's included.
    """
    passport = read_passport(folder, sha256=passport_sha256)
    if not isinstance(passport.spec, EnsembleSpec):
        return _load_one(folder, passport)
    members = []
    for member in passport.spec.members:
        beside = folder.parent / member.job_id
        members.append(_load_one(beside, read_passport(beside, sha256=member.passport_sha256)))
    return AverageForecaster(tuple(members), tuple(member.weight for member in passport.spec.members))


def _load_one(folder: Path, passport: Passport) -> Forecaster:
    if isinstance(passport.spec, EnsembleSpec):
        raise PassportViolated("an average has an average among its members", file=PASSPORT)
    layout = layout_from_json(passport.layout)
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    model = kind_of(passport.spec).model().from_arrays(arrays, layout)
    return Forecaster(model, layout, learned_from_validation=passport.notes.get("refit") is True)
