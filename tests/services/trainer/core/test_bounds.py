"""What the training part shows of zero is kept by our models, and in ONNX: the floor, and the night."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime

from services.trainer.child.tasks import bound_notes
from services.trainer.core.export import load_forecaster, save_model
from services.trainer.core.fit import fit
from services.trainer.core.predict import Forecaster
from shared.contracts.kinds import LinearSpec
from shared.models.passport import layout_from_json, layout_to_json
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset, build_window
from tests.support.forecasting import HOUR_NS, small_dataset
from tests.support.store_models import write_model_passport


def light_of(n: int = 700, *, offset: float = 0.0) -> dict[str, Series]:
    """Return series that are dark for about half of the day, longer and longer."""
    hours = np.arange(n)
    height = np.sin(2 * np.pi * hours / 24) - 0.5 * np.sin(2 * np.pi * hours / 8766)
    light = np.maximum(height, 0.0) * (1 + np.random.default_rng(0).random(n))
    return {
        name: Series(name, hours * HOUR_NS, light + offset)
        for name in ("load", "export", "temperature", "pressure")
    }


def sunshine(*, bounded: bool = True, offset: float = 0.0, input_steps: int = 24) -> Dataset:
    """Return a data set whose outputs are dark at night."""
    template = small_dataset(700, input_steps=input_steps)
    series = light_of(offset=offset)
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


def test_a_layout_keeps_its_bounds_and_one_of_an_earlier_version_has_none() -> None:
    layout = sunshine(input_steps=96).layout
    facts = layout_to_json(layout)

    kept = layout_from_json(json.loads(json.dumps(facts)))
    assert (kept.floors, kept.darkness) == (layout.floors, layout.darkness)
    del facts["floors"], facts["darkness"]
    assert (layout_from_json(facts).floors, layout_from_json(facts).darkness) == ((), ())


def test_where_the_past_tells_the_night_the_forecast_is_zero_in_onnx_and_from_fresh_rows_too(
    tmp_path: Path,
) -> None:
    dataset, spec = sunshine(input_steps=96), LinearSpec()
    layout, test = dataset.layout, dataset.indices("test")
    model = fit(spec, dataset.part("train"), dataset.part("validation"), layout).model
    windows = dataset.x(test, scaled=False).astype(np.float64)
    floored = Forecaster(model, replace(layout, darkness=())).forecast(windows)

    save_model(model, layout, tmp_path)
    write_model_passport(spec, layout, tmp_path)
    stored = load_forecaster(tmp_path)
    held = stored.forecast(windows)
    fresh = [build_window(dataset, light_of(), int(ref)) for ref in dataset.ref_ns[test[:30]]]
    live = np.concatenate([stored.forecast_scaled(x) for x in fresh])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")

    darkness = layout.darkness[0]
    assert darkness is not None
    dark = np.stack([layout.dark(dataset.x(test), k, darkness) for k in range(2)], axis=2)
    assert dark.mean() > 0.3
    assert floored[dark].max() > 1e-3
    assert dataset.y_true(test)[dark].max() < 1e-6
    np.testing.assert_array_equal(held, np.where(dark, 0.0, floored))
    np.testing.assert_array_equal(live[dark[:30]], 0.0)
    np.testing.assert_allclose(live, held[:30], rtol=1e-5)
    np.testing.assert_allclose(session.run(None, {"x": windows})[0], held, atol=1e-4)


def test_darkness_needs_bounds_and_days_to_compare() -> None:
    assert sunshine(input_steps=24).layout.darkness == (None, None)
    assert sunshine(input_steps=96, bounded=False).layout.darkness == (None, None)
    assert sunshine(input_steps=96, offset=1.0).layout.darkness == (None, None)


def test_a_model_says_what_bounds_it() -> None:
    notes = bound_notes(sunshine(input_steps=96).layout)

    assert notes["no_forecast_below"] == {"load": 0.0, "export": 0.0}
    assert isinstance(dark := notes["zero_where_dark"], dict)
    assert sorted(dark) == ["export", "load"]
    assert bound_notes(sunshine(bounded=False).layout) == {}
