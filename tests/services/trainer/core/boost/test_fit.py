"""Boosted trees: the library's own forecasts on the same rows, and where they have to win."""

from dataclasses import replace

import lightgbm
import numpy as np

from services.trainer.core.boost.fit import fit_boost
from services.trainer.core.boost.linear_leaves import has_linear_leaves
from services.trainer.core.boost.model import BoostModel, rows_with
from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.model import Progress
from shared.contracts.kinds import BoostSpec, LinearSpec
from shared.windows.samples import Samples
from tests.support.forecasting import small_dataset

QUICK = BoostSpec(n_estimators=60)


def test_forecasts_are_what_the_librarys_two_texts_say_by_their_shares() -> None:
    dataset = small_dataset()
    fitted = fit_boost(QUICK, dataset.part("train"), dataset.part("validation"), dataset.layout)
    model, x = fitted.model, dataset.part("test").x
    assert isinstance(model, BoostModel)

    linear = model.base.predict(x)
    for output, trees in enumerate(model.outputs):
        rows = rows_with(trees.recipe, x, linear[:, :, output])
        flat = rows.reshape(-1, rows.shape[2])
        assert trees.alone is not None
        missing = lightgbm.Booster(model_str=trees.correcting.text).predict(flat)
        alone = lightgbm.Booster(model_str=trees.alone.boosted.text).predict(flat)
        corrected = linear[:, :, output] + np.reshape(missing, rows.shape[:2]) * trees.spread
        alone = np.reshape(alone, rows.shape[:2]) * trees.spread
        expected = (1 - trees.alone.share) * corrected + trees.alone.share * alone

        np.testing.assert_allclose(model.predict(x)[:, :, output], expected, atol=1e-6)


def test_a_model_of_an_earlier_release_has_neither_trees_that_stand_alone_nor_quantiles() -> None:
    dataset = small_dataset()
    model = fit_boost(QUICK, dataset.part("train"), dataset.part("validation"), dataset.layout).model
    of_today = ("alone/", "range/", "lower/", "upper/")
    arrays = {name: array for name, array in model.to_arrays().items() if not name.startswith(of_today)}

    earlier = BoostModel.from_arrays(arrays, dataset.layout)

    x = dataset.part("test").x
    linear = earlier.base.predict(x)
    trees = earlier.outputs[0]
    rows = rows_with(trees.recipe, x, linear[:, :, 0])
    missing = np.reshape(trees.correcting.predict(rows.reshape(-1, rows.shape[2])), rows.shape[:2])
    expected = linear[:, :, 0] + missing * trees.spread
    np.testing.assert_allclose(earlier.predict(x)[:, :, 0], expected, atol=1e-6)
    assert earlier.spread(x) is None


def test_trees_that_stand_alone_forecast_a_product_better_than_steps_can() -> None:
    dataset = small_dataset(2000)
    ahead = next(k for k, c in enumerate(dataset.layout.inputs) if c.end > 0)
    own = next(place for place in dataset.layout.own_past if place is not None)

    def product(samples: Samples) -> Samples:
        steps = samples.y.shape[1]
        y = samples.x[:, -steps:, [ahead]] * samples.x[:, -1:, [own]]
        return replace(samples, y=np.broadcast_to(y, samples.y.shape).astype(np.float32))

    train, validation = product(dataset.part("train")), product(dataset.part("validation"))
    model = fit_boost(QUICK, train, validation, dataset.layout).model

    assert isinstance(model, BoostModel)
    trees = model.outputs[0]
    assert trees.alone is not None
    assert has_linear_leaves(trees.alone.boosted.text)
    assert not has_linear_leaves(trees.correcting.text)
    assert trees.alone.share > 0.5


def test_leaves_that_are_linear_never_forecast_far_beyond_what_was_seen() -> None:
    dataset = small_dataset()
    train = dataset.part("train")
    model = fit_boost(QUICK, train, dataset.part("validation"), dataset.layout).model
    assert isinstance(model, BoostModel)
    trees = model.outputs[0]
    assert trees.alone is not None
    rows = rows_with(trees.recipe, train.x[:50], model.base.predict(train.x[:50])[:, :, 0])

    alone = trees.alone.predict(1e6 * rows.reshape(-1, rows.shape[2])) * trees.spread

    seen = train.y[:, :, 0]
    reach = 1.2 * (seen.max() - seen.min())
    assert seen.min() - reach <= alone.min()
    assert alone.max() <= seen.max() + reach


def test_quantiles_tell_where_forecasts_are_far_off_and_are_left_out_if_not_wanted() -> None:
    dataset = small_dataset(2000)
    rng = np.random.default_rng(0)
    hour = next(k for k, c in enumerate(dataset.layout.inputs) if c.name == "day_sin")

    def uneven(samples: Samples) -> Samples:
        night = samples.x[:, -samples.y.shape[1] :, hour] > 0
        noise = rng.normal(0, np.where(night, 0.3, 0.01)[..., None], samples.y.shape)
        return replace(samples, y=(samples.y + noise).astype(np.float32))

    train, validation = uneven(dataset.part("train")), uneven(dataset.part("validation"))
    x = dataset.part("test").x

    model = fit_boost(QUICK, train, validation, dataset.layout).model
    unasked = QUICK.model_copy(update={"quantiles": False})
    without = fit_boost(unasked, train, validation, dataset.layout).model

    assert isinstance(model, BoostModel)
    assert isinstance(without, BoostModel)
    spread = model.spread(x)
    assert spread is not None
    assert spread.shape == model.predict(x).shape
    night = x[:, -spread.shape[1] :, hour] > 0
    assert np.median(spread[..., 0][night]) > 3 * np.median(spread[..., 0][~night])
    again = BoostModel.from_arrays(model.to_arrays(), dataset.layout).spread(x)
    assert again is not None
    np.testing.assert_array_equal(again, spread)
    assert without.spread(x) is None
    np.testing.assert_array_equal(without.predict(x), model.predict(x))


def test_trees_that_stand_alone_have_little_say_where_the_linear_forecast_is_right() -> None:
    dataset = small_dataset(1500)
    rng = np.random.default_rng(0)
    own = [place for place in dataset.layout.own_past if place is not None]

    def goes_on(samples: Samples) -> Samples:
        noise = rng.normal(0, 0.01, samples.y.shape)
        return replace(samples, y=(samples.x[:, -1:, own] + noise).astype(np.float32))

    train, validation = goes_on(dataset.part("train")), goes_on(dataset.part("validation"))

    model = fit_boost(QUICK, train, validation, dataset.layout).model

    assert isinstance(model, BoostModel)
    assert all(trees.alone is None or trees.alone.share < 0.1 for trees in model.outputs)


def test_a_load_that_bends_with_the_temperature_is_forecast_better_than_linear() -> None:
    dataset = small_dataset(2000)
    train, validation, test = (dataset.part(part) for part in ("train", "validation", "test"))

    linear = fit_linear(LinearSpec(), train, validation, dataset.layout).model
    boosted = fit_boost(BoostSpec(), train, validation, dataset.layout).model

    errors = [np.square(m.predict(test.x)[:, :, 0] - test.y[:, :, 0]).mean() for m in (linear, boosted)]
    assert errors[1] < 0.8 * errors[0]


def test_a_seed_decides_everything_and_progress_never_falls() -> None:
    dataset = small_dataset()
    parts = dataset.part("train"), dataset.part("validation")
    told: list[Progress] = []

    first = fit_boost(QUICK, *parts, dataset.layout, on_progress=told.append)
    second = fit_boost(QUICK, *parts, dataset.layout)

    x = dataset.part("test").x
    np.testing.assert_array_equal(first.model.predict(x), second.model.predict(x))
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_early_stopping_keeps_the_best_number_of_trees_and_the_notes_say_what_they_rely_on() -> None:
    dataset = small_dataset()
    spec = BoostSpec(n_estimators=400, learning_rate=0.5, patience=5, refit=False)

    fitted = fit_boost(spec, dataset.part("train"), dataset.part("validation"), dataset.layout)

    note = fitted.notes["trees"]
    assert isinstance(note, dict)
    load = note["load"]
    assert isinstance(load, dict)
    assert isinstance(load["n_trees"], int)
    assert load["n_trees"] < 400
    assert fitted.judged is fitted.model
    shap = load["mean_abs_shap"]
    assert isinstance(shap, dict)
    assert "temperature ahead, then" in shap


def test_depth_bounds_the_trees() -> None:
    dataset = small_dataset()
    spec = BoostSpec(n_estimators=5, max_depth=1, refit=False)

    fitted = fit_boost(spec, dataset.part("train"), dataset.part("validation"), dataset.layout)

    assert isinstance(fitted.model, BoostModel)
    dump = fitted.model.outputs[0].correcting.booster.dump_model()
    assert all(tree["num_leaves"] <= 2 for tree in dump["tree_info"])
