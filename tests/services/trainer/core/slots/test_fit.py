"""A regression per slot: against scikit-learn on the same rows, and where it has to win."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.problems import TooFewWindows
from services.trainer.core.slots.design import design_of
from services.trainer.core.slots.fit import SlotMoments, _ridge, fit_slots
from services.trainer.core.slots.model import SlotsModel
from shared.contracts.kinds import LinearSpec, SlotsSpec
from tests.support.forecasting import small_dataset


def test_each_slot_is_the_ridge_of_standardised_columns() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (2, 300, 5)), rng.normal(0, 1, (2, 300))
    ones = np.concatenate([x, np.ones((2, 300, 1))], axis=2)
    moments = SlotMoments(
        np.einsum("snp,snq->spq", ones, ones), np.einsum("snp,sn->sp", ones, y), np.einsum("sn,sn->s", y, y)
    )

    weights = _ridge(moments, 0.1)

    for slot in range(2):
        scale = x[slot].std(axis=0)
        theirs = Ridge(alpha=0.1 * 300).fit((x[slot] - x[slot].mean(axis=0)) / scale, y[slot])
        np.testing.assert_allclose(weights[slot, :-1], theirs.coef_ / scale, rtol=1e-6)
        left = y[slot] - ones[slot] @ weights[slot]
        assert moments.squared_error(weights) >= 0
        assert abs(left.mean()) < 1e-9


def test_the_squared_error_of_the_moments_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    x, y, weights = rng.normal(size=(3, 50, 4)), rng.normal(size=(3, 50)), rng.normal(size=(3, 4))
    moments = SlotMoments(
        np.einsum("snp,snq->spq", x, x), np.einsum("snp,sn->sp", x, y), np.einsum("sn,sn->s", y, y)
    )

    expected = np.sum((y - np.einsum("snp,sp->sn", x, weights)) ** 2)

    assert moments.squared_error(weights) == pytest.approx(expected)


def test_an_hour_that_answers_to_the_square_of_a_known_temperature_is_forecast_better_than_linear() -> None:
    dataset = small_dataset(2000)
    train, validation, test = (dataset.part(part) for part in ("train", "validation", "test"))

    linear = fit_linear(LinearSpec(), train, validation, dataset.layout).model
    slots = fit_slots(SlotsSpec(), train, validation, dataset.layout)

    def error(y_pred: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        return float(np.square(y_pred[:, :, 0] - test.y[:, :, 0]).mean())

    assert error(slots.model.predict(test.x)) < 0.8 * error(linear.predict(test.x))
    assert isinstance(slots.judged, SlotsModel)
    assert slots.judged is not slots.model


def test_products_are_held_between_what_was_seen() -> None:
    dataset = small_dataset(900)
    fitted = fit_slots(SlotsSpec(), dataset.part("train"), dataset.part("validation"), dataset.layout)
    assert isinstance(fitted.model, SlotsModel)
    slots = fitted.model.outputs[0]
    rows = np.full((1, 1, slots.design.n_columns), 1e6, np.float32)

    held = slots.held(rows)[0, 0]

    products = np.append(slots.design.second >= 0, False)
    assert (held[products] < 1e3).all()
    assert (held[~products] == 1e6).all()


def test_known_series_enter_as_products_with_one_another_and_with_the_own_last_day() -> None:
    design = design_of(small_dataset(400, input_steps=48).layout, 0, 400)
    names = [*design.recipe.names, ""]

    pairs = {(names[a], names[b]) for a, b in zip(design.first, design.second, strict=True)}

    then = "temperature ahead, then"
    assert (then, "temperature ahead, mean of its day") in pairs
    assert (then, "load, a day before") in pairs
    assert (then, "load, most of its last day") in pairs


def test_a_day_has_as_many_slots_as_have_rows_enough() -> None:
    layout = small_dataset(400).layout

    assert design_of(layout, 0, 10_000).n_slots == 24
    assert design_of(layout, 0, 300).n_slots == 12  # 300 windows x 6 steps / 150 rows
    assert design_of(layout, 0, 10).n_slots == 1


def test_too_few_windows_are_refused() -> None:
    dataset = small_dataset(400)

    with pytest.raises(TooFewWindows):
        fit_slots(SlotsSpec(), dataset.part("train").rows(slice(2)), dataset.part("test"), dataset.layout)
