"""Every kind of model is whole: it fits, is stored, loaded and exported, and has its names."""

import importlib
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnxruntime
import pytest

from services.gateway.models.wire import parse_models as parse_http
from services.trainer.core.export import load_forecaster, save_model
from services.trainer.core.fit import fit
from services.trainer.core.kinds import KINDS, kind_of
from services.trainer.core.memory import fit_bytes, fit_size
from services.trainer.core.model import Model
from services.trainer.core.predict import Forecaster
from shared.contracts.kinds import (
    JOB_SPEC,
    MODEL_SPEC,
    NEURAL,
    SPECS,
    WIRE_NAMES,
    Kind,
    ModelSpec,
    NeuralSpec,
    kind_named,
    plain,
)
from shared.messaging.streams import work_consumer
from shared.windows.dataset import Dataset
from tests.support.forecasting import small_dataset
from tests.support.store_models import write_model_passport
from trainyard.plan import parse_models as parse_words

EVERY = [pytest.param(name, marks=pytest.mark.keras) if name in NEURAL else name for name in KINDS]
QUICK: dict[str, Any] = {"layers": (4,), "epochs": 1}  # whatever a kind has of these


@cache
def small() -> Dataset:
    return small_dataset(400)


@cache
def fitted(name: Kind) -> Model:
    """Return a model of a kind, fitted once for all that is asked of it."""
    dataset = small()
    return fit(quick(name), dataset.part("train"), dataset.part("validation"), dataset.layout).model


@pytest.fixture
def dataset() -> Dataset:
    return small()


def quick(name: Kind) -> ModelSpec:
    chosen = {field: value for field, value in QUICK.items() if field in SPECS[name].model_fields}
    return MODEL_SPEC.validate_python({"kind": name, **chosen})


@pytest.mark.parametrize("name", EVERY)
def test_a_kind_forecasts_the_same_after_it_was_stored_and_in_onnx(
    name: Kind, dataset: Dataset, tmp_path: Path
) -> None:
    spec, layout = quick(name), dataset.layout
    windows = dataset.x(dataset.indices("test"), scaled=False).astype(np.float64)

    model = fitted(name)
    notes = save_model(model, layout, tmp_path)
    write_model_passport(spec, layout, tmp_path)

    expected = Forecaster(model, layout).forecast(windows)
    assert notes == {}
    assert np.isfinite(expected).all()
    assert isinstance(model, kind_of(spec).model())
    np.testing.assert_array_equal(load_forecaster(tmp_path).forecast(windows), expected)
    runtime = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    spread = dataset.y_true(dataset.indices("train")).std(axis=(0, 1))
    off = np.abs(runtime.run(["y"], {"x": windows})[0] - expected) / spread
    assert off.max() < 1e-3


@pytest.mark.parametrize("name", EVERY)
def test_a_kind_writes_its_formats_those_on_request_too(name: Kind, dataset: Dataset, tmp_path: Path) -> None:
    kind, model = KINDS[name], fitted(name)

    save_model(model, dataset.layout, tmp_path)
    for suffix, write in kind.on_request.items():
        write(model, dataset.layout, tmp_path / f"model.{suffix}")

    formats = {"npz", "onnx", *kind.files, *kind.on_request}
    assert {path.name for path in tmp_path.iterdir()} == {f"model.{suffix}" for suffix in formats}
    assert all(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_says_what_memory_a_fit_takes_beyond_its_samples(name: Kind, dataset: Dataset) -> None:
    spec = MODEL_SPEC.validate_python({"kind": name})
    samples = fit_size(dataset.layout, 1000, 250).samples_bytes

    small, large = (fit_bytes(spec, dataset.layout, 4 * n, n) for n in (250, 25_000))

    assert samples < small < large


@pytest.mark.parametrize("name", EVERY)
def test_a_kind_loads_its_libraries_before_its_first_task(name: Kind) -> None:
    if module := KINDS[name].slow_import:
        importlib.import_module(module)


@pytest.mark.parametrize("name", KINDS)
def test_every_way_to_ask_for_a_kind_knows_all_its_spellings(name: Kind) -> None:
    spec = SPECS[name]

    for word in (name, spec.name, spec.name.upper(), spec.name.replace(" ", "-"), *spec.words):
        assert [model.kind for model in parse_http([{"model": word}])] == [name]
        assert [model.kind for model in parse_words(word)] == [name]
    assert WIRE_NAMES[name] == spec.name
    assert work_consumer(name).endswith(name)
    assert spec.__doc__


def test_every_parameter_of_a_kind_is_understood_in_any_case() -> None:
    for name, spec in SPECS.items():
        default = MODEL_SPEC.validate_python({"kind": name}).model_dump(mode="json", exclude={"kind"})
        written = {field.replace("_", "").upper(): value for field, value in default.items()}

        (parsed,) = parse_http([{"model": name, "parameters": written}])

        assert parsed == spec.model_validate({"kind": name, **default})


def test_no_spelling_means_two_kinds() -> None:
    spellings = [
        plain(word)
        for name, spec in SPECS.items()
        for word in {plain(w): w for w in (name, spec.name, *spec.words)}
    ]

    assert len(spellings) == len(set(spellings))
    assert kind_named("lgbm-2") is None


def test_names_specs_and_kinds_are_the_same_everywhere() -> None:
    named = set(get_args(Kind))

    assert named == set(SPECS) == set(KINDS)
    assert {kind.spec for kind in KINDS.values()} == set(SPECS.values())
    assert all(JOB_SPEC.validate_python({"kind": name}).kind == name for name in named)
    assert set(NEURAL) == {name for name, kind in KINDS.items() if issubclass(kind.spec, NeuralSpec)}
