"""A target that was never below zero is not forecast there: by our models, and in ONNX."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime

from services.trainer.core.export import load_forecaster, save_model
from services.trainer.core.fit import fit
from services.trainer.core.predict import Forecaster
from shared.contracts.kinds import LinearSpec
from shared.models.passport import layout_from_json, layout_to_json
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from tests.support.forecasting import HOUR_NS, small_dataset
from tests.support.store_models import write_model_passport


def sunshine(*, bounded: bool = True, offset: float = 0.0) -> Dataset:
    """Return a data set whose outputs are dark half of the day."""
    template = small_dataset(700)
    hours = np.arange(700)
    light = np.maximum(np.sin(2 * np.pi * hours / 24), 0.0) * (1 + np.random.default_rng(0).random(700))
    series = {
        name: Series(name, hours * HOUR_NS, light + offset)
        for name in ("load", "export", "temperature", "pressure")
    }
    outputs = [s.model_copy(update={"bounded": bounded}) for s in template.spec.outputs]
    spec = template.spec.model_copy(update={"series": (*template.spec.inputs, *outputs)})
    return build_dataset(spec, series)


def test_no_forecast_goes_below_what_the_training_part_shows(tmp_path: Path) -> None:
    dataset, spec = sunshine(), LinearSpec()
    layout = dataset.layout
    model = fit(spec, dataset.part("train"), dataset.part("validation"), layout).model
    windows = dataset.x(dataset.indices("test"), scaled=False).astype(np.float64)
    free = Forecaster(model, replace(layout, floors=())).forecast(windows)

    save_model(model, layout, tmp_path)
    write_model_passport(spec, layout, tmp_path)
    held = load_forecaster(tmp_path).forecast(windows)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")

    assert layout.floors == (0.0, 0.0)
    assert free.min() < -1e-3
    np.testing.assert_array_equal(held, np.maximum(free, 0.0))
    np.testing.assert_allclose(session.run(None, {"x": windows})[0], held, atol=1e-4)


def test_a_target_that_goes_below_zero_or_is_said_to_has_no_floor() -> None:
    assert sunshine(offset=-1.0).layout.floors == (None, None)
    assert sunshine(bounded=False).layout.floors == (None, None)


def test_a_layout_keeps_its_floors_and_one_of_an_earlier_version_has_none() -> None:
    layout = sunshine().layout
    facts = layout_to_json(layout)

    assert layout_from_json(facts).floors == layout.floors
    del facts["floors"]
    assert layout_from_json(facts).floors == ()
