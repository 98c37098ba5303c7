"""Exported models forecast what ours do; stored models come back as they were."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import skops.io

from services.trainer.core.export import FormatUnavailable, export_model, load_forecaster, save_model
from services.trainer.core.fit import fit
from services.trainer.core.predict import Forecaster, WindowsMalformed
from shared.contracts.kinds import (
    ArLstmSpec,
    BoostSpec,
    CnnSpec,
    DenseSpec,
    LastValueSpec,
    LinearSpec,
    LstmSpec,
    ModelSpec,
    SeasonalNaiveSpec,
    SlotsSpec,
    SvrDirectSpec,
    SvrMimoSpec,
)
from shared.models.passport import (
    PassportViolated,
    layout_from_json,
    layout_to_json,
    read_passport,
)
from shared.series.arrays import Float64
from tests.support.forecasting import small_dataset
from tests.support.store_models import write_model_passport

CLASSICAL: list[ModelSpec] = [
    LinearSpec(),
    SlotsSpec(),
    BoostSpec(n_estimators=30),
    LastValueSpec(),
    SeasonalNaiveSpec(),
    SvrDirectSpec(),
    *(SvrMimoSpec(kernel=kernel) for kernel in ("linear", "poly", "rbf", "sigmoid")),
]
NEURAL: list[ModelSpec] = [
    kind(layers=(6,), epochs=1, residual=residual)
    for kind in (DenseSpec, CnnSpec, LstmSpec, ArLstmSpec)
    for residual in (True, False)
]
SLOW = {
    spec for spec in NEURAL if spec.kind == "ar_lstm" and getattr(spec, "residual", False)
}  # as test_kinds
EVERY = [
    *CLASSICAL,
    *(
        pytest.param(spec, marks=[pytest.mark.keras, *([pytest.mark.slow] if spec in SLOW else [])])
        for spec in NEURAL
    ),
]


def name(spec: ModelSpec) -> str:
    """Name a case."""
    extra = getattr(spec, "kernel", "corrects" if getattr(spec, "residual", False) else "")
    return f"{spec.kind} {extra}".strip()


@pytest.mark.parametrize("spec", EVERY, ids=name)
def test_every_format_forecasts_what_the_model_does(spec: ModelSpec, tmp_path: Path) -> None:
    forecaster, windows = fitted(spec)
    expected = forecaster.forecast(windows)
    spread = expected.std()

    store(forecaster, spec, tmp_path)

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"x": windows})[0], expected, atol=1e-4 * spread)
    np.testing.assert_allclose(load_forecaster(tmp_path).forecast(windows), expected, atol=1e-9)
    if (tmp_path / "model.skops").exists():
        layout = forecaster.layout
        rows = layout.x_scaler.transform(windows).reshape(len(windows), -1)
        scaled = skops.io.load(tmp_path / "model.skops").predict(rows.astype(np.float32))
        theirs = layout.y_scaler.inverse(scaled.reshape(expected.shape))
        np.testing.assert_allclose(theirs, expected, atol=1e-4 * spread)


@pytest.mark.keras
@pytest.mark.parametrize("kind", [DenseSpec, CnnSpec, LstmSpec, ArLstmSpec])
def test_a_network_is_stored_as_keras_and_on_request_as_h5(
    kind: type[DenseSpec | CnnSpec | LstmSpec | ArLstmSpec], tmp_path: Path
) -> None:
    spec = kind(layers=(4, 3), epochs=1, residual=False)
    forecaster, windows = fitted(spec)
    import keras

    store(forecaster, spec, tmp_path)
    export_model(tmp_path, "h5", tmp_path / "model.h5")

    x = forecaster.layout.x_scaler.transform(windows).astype(np.float32)
    for file in ("model.keras", "model.h5"):
        network = keras.saving.load_model(tmp_path / file, compile=False)
        np.testing.assert_allclose(network.predict_on_batch([x]), forecaster.model.predict(x), atol=1e-6)


def test_a_format_a_kind_does_not_have_is_refused_with_those_it_has(tmp_path: Path) -> None:
    forecaster, _ = fitted(LinearSpec())
    store(forecaster, LinearSpec(), tmp_path)

    with pytest.raises(FormatUnavailable) as caught:
        export_model(tmp_path, "h5", tmp_path / "model.h5")

    assert caught.value.details["available"] == ["npz", "onnx", "skops"]
    assert "npz, onnx, skops" in caught.value.suggestions[0]


def test_files_are_verified_before_any_is_opened(tmp_path: Path) -> None:
    forecaster, _ = fitted(LinearSpec())
    store(forecaster, LinearSpec(), tmp_path)
    (tmp_path / "model.npz").write_bytes(b"not a model")

    with pytest.raises(PassportViolated, match=r"model\.npz"):
        load_forecaster(tmp_path)


def test_a_passport_other_than_the_stored_one_is_refused(tmp_path: Path) -> None:
    forecaster, _ = fitted(LinearSpec())
    store(forecaster, LinearSpec(), tmp_path)

    with pytest.raises(PassportViolated, match="passport"):
        read_passport(tmp_path, sha256="0" * 64)


def test_a_layout_survives_its_way_through_json() -> None:
    layout = small_dataset().layout

    again = layout_from_json(layout_to_json(layout))

    assert (again.inputs, again.outputs, again.own_past) == (layout.inputs, layout.outputs, layout.own_past)
    np.testing.assert_array_equal(again.x_scaler.lo, layout.x_scaler.lo)


def test_windows_of_another_shape_are_refused_with_the_names_of_the_columns() -> None:
    forecaster, windows = fitted(LastValueSpec())

    with pytest.raises(WindowsMalformed) as caught:
        forecaster.forecast(windows[:, :, :2])

    assert "temperature ahead" in str(caught.value.details["columns"])


def test_a_window_with_a_missing_value_is_named() -> None:
    forecaster, windows = fitted(LastValueSpec())
    windows[3, 0, 0] = np.nan

    with pytest.raises(WindowsMalformed, match="window 3"):
        forecaster.forecast(windows)


def test_the_classical_kinds_load_without_keras() -> None:
    code = (
        "import sys, services.trainer.child.tasks\n"
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )

    finished = subprocess.run([sys.executable, "-c", code], check=False)

    assert finished.returncode == 0


def fitted(spec: ModelSpec) -> tuple[Forecaster, Float64]:
    """Return a fitted model with its units, and test windows in original units."""
    dataset = small_dataset(400)
    model = fit(spec, dataset.part("train"), dataset.part("validation"), dataset.layout).model
    windows = dataset.x(dataset.indices("test"), scaled=False).astype(np.float64)
    return Forecaster(model, dataset.layout), windows


def store(forecaster: Forecaster, spec: ModelSpec, folder: Path) -> None:
    """Write a model with its passport."""
    save_model(forecaster.model, forecaster.layout, folder)
    write_model_passport(spec, forecaster.layout, folder)
