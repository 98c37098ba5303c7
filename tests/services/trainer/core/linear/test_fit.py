"""The linear model: against ridge of scikit-learn, rescaled, and with nothing but covariates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from benchmarks.etth import cut, errors, read, split_rows
from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.linear.moments import window_moments
from services.trainer.core.linear.shared_ridge import Candidate, fit_candidate, solve_ridge
from services.trainer.core.linear.units import own_windows, past_moments, pooled_moments, standard_units
from services.trainer.core.model import Progress
from services.trainer.core.problems import ConstantTarget, NotFinite, TooFewWindows
from shared.contracts.kinds import LinearSpec
from shared.windows.samples import Samples
from shared.windows.scaling import Scaler
from tests.support.forecasting import small_task

ETTH1 = Path(__file__).parents[4] / "../shared/data/ETTh1.csv"


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 3.0])
def test_the_ridge_is_that_of_scikit_learn(penalty: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 12)), rng.normal(size=(200, 5))
    moments = window_moments(x, y)

    weights = solve_ridge(moments, penalty)

    alpha = penalty * np.trace(moments.xx) / 12
    theirs = Ridge(alpha=alpha, fit_intercept=False, solver="cholesky").fit(x, y)
    np.testing.assert_allclose(weights, theirs.coef_.T, rtol=1e-8)


@pytest.mark.parametrize("level", ["last", "mean"])
def test_a_candidate_regresses_differences_from_its_level(level: str) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(150, 10)).cumsum(axis=1), rng.normal(size=(150, 3))
    candidate = Candidate(6, "last" if level == "last" else "mean", 0.1)

    forecast = x @ fit_candidate(window_moments(x, y), candidate)

    short = x[:, -6:]
    reference = short[:, -1:] if level == "last" else short.mean(axis=1, keepdims=True)
    alpha = 0.1 * float(((short - reference) ** 2).sum()) / 6
    theirs = Ridge(alpha=alpha, fit_intercept=False, solver="cholesky").fit(short - reference, y - reference)
    np.testing.assert_allclose(forecast, theirs.predict(short - reference) + reference, atol=1e-8)


def test_pooled_moments_are_those_of_every_output_in_standard_units() -> None:
    train, _, _, layout = small_task()
    units = standard_units(train, layout)

    pooled = pooled_moments(train, layout, units)

    parts = [window_moments(*own_windows(train, layout, units, output)) for output in range(2)]
    np.testing.assert_allclose(pooled.xx, (parts[0] + parts[1]).xx, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(pooled.xy, (parts[0] + parts[1]).xy, rtol=1e-4, atol=1e-2)


def test_windows_with_gaps_between_them_are_counted_once_each() -> None:
    rng = np.random.default_rng(2)
    series = rng.normal(size=400).astype(np.float32)
    cut_out = np.stack([series[start : start + 12] for start in range(389)])
    kept = np.delete(cut_out, [100, 101, 110, 300], axis=0)
    past, future = kept[:, :8], kept[:, 8:]

    slid = past_moments(past, future)

    multiplied = window_moments(past, future)
    assert slid.n == multiplied.n
    np.testing.assert_allclose(slid.xy, multiplied.xy, rtol=1e-5, atol=1e-4)


def test_past_and_future_meet_in_standard_units_whatever_their_scalers_are() -> None:
    train, _, _, layout = small_task()
    units = standard_units(train, layout)

    for output in range(2):
        past, future = own_windows(train, layout, units, output)
        np.testing.assert_allclose(past[1:, -1], future[:-1, 0], atol=1e-4)


def test_it_learns_from_its_past_a_temperature_known_ahead_and_the_calendar() -> None:
    train, validation, test, layout = small_task(n=2500)

    fitted = fit_linear(LinearSpec(), train, validation, layout)

    own = [k for k in layout.own_past if k is not None]
    blind = replace(layout, inputs=tuple(layout.inputs[k] for k in own), own_past=(0, 1))
    blind = replace(blind, x_scaler=Scaler(*(v[own] for v in vars(layout.x_scaler).values())))
    parts = [replace(part, x=part.x[:, :, own]) for part in (train, validation, test)]
    without = fit_linear(LinearSpec(), parts[0], parts[1], blind)
    assert errors(fitted.model, test)[0] < 0.9 * errors(without.model, parts[2])[0]


def test_without_an_own_past_it_regresses_on_what_there_is() -> None:
    train, validation, test, layout = small_task(own_past=False)

    fitted = fit_linear(LinearSpec(), train, validation, layout)

    mean = np.square(test.y - train.y.mean(axis=0)).mean()
    assert fitted.notes["shared"] == []
    assert errors(fitted.model, test)[0] < 0.2 * mean


@given(shift=st.floats(-3, 3), gain=st.floats(0.2, 5))
@settings(max_examples=8, deadline=None)
def test_forecasts_follow_a_rescaling_of_the_samples(shift: float, gain: float) -> None:
    train, validation, test, layout = small_task()
    fitted = fit_linear(LinearSpec(), train, validation, layout)

    def rescale(part: Samples) -> Samples:
        return replace(part, y=(part.y * gain + shift).astype(np.float32))

    y = layout.y_scaler
    scaler = replace(y, low=y.low * gain + shift, high=y.high * gain + shift)
    parts = (rescale(train), rescale(validation))
    other = fit_linear(LinearSpec(), *parts, replace(layout, y_scaler=scaler))

    ours, theirs = fitted.judged.predict(test.x) * gain + shift, other.judged.predict(test.x)
    np.testing.assert_allclose(theirs, ours, atol=5e-3 * gain)


def test_refitting_uses_the_validation_part_and_keeps_the_fit_that_has_not() -> None:
    train, validation, test, layout = small_task()

    refitted = fit_linear(LinearSpec(), train, validation, layout)
    plain = fit_linear(LinearSpec(refit=False), train, validation, layout)

    np.testing.assert_array_equal(refitted.judged.predict(test.x), plain.model.predict(test.x))
    assert plain.model is plain.judged
    assert not np.array_equal(refitted.model.predict(test.x), refitted.judged.predict(test.x))


def test_without_a_validation_part_the_end_of_the_training_part_judges() -> None:
    train, validation, _, layout = small_task()

    fitted = fit_linear(LinearSpec(), train, validation.rows(slice(0, 0)), layout)

    assert fitted.notes["judged_on"] == "the last fifth of the training part"


def test_settings_are_obeyed() -> None:
    train, validation, _, layout = small_task()
    spec = LinearSpec(lookbacks=(12, 500), penalties=(0.5,))

    notes = fit_linear(spec, train, validation, layout).notes

    shared = notes["shared"]
    assert isinstance(shared, list)
    for candidate in shared:
        assert isinstance(candidate, dict)
        assert candidate["lookback"] in {12, layout.input_steps}
        assert candidate["penalty"] == 0.5


def test_one_affine_map_says_the_same_as_the_model() -> None:
    train, validation, test, layout = small_task()
    model = fit_linear(LinearSpec(), train, validation, layout).model
    assert isinstance(model, LinearModel)

    weights, intercept = model.affine(len(layout.inputs))

    flat = test.x.reshape(len(test), -1) @ weights + intercept
    np.testing.assert_allclose(model.predict(test.x).reshape(len(test), -1), flat, atol=1e-4)


def test_it_forecasts_the_same_after_storage() -> None:
    train, validation, test, layout = small_task()
    model = fit_linear(LinearSpec(), train, validation, layout).model

    restored = LinearModel.from_arrays(model.to_arrays(), layout)

    np.testing.assert_array_equal(restored.predict(test.x), model.predict(test.x))


def test_progress_rises_to_one() -> None:
    train, validation, _, layout = small_task()
    seen: list[Progress] = []

    fit_linear(LinearSpec(), train, validation, layout, on_progress=seen.append)

    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_constant_target_is_refused_by_name() -> None:
    train, validation, _, layout = small_task()
    constant = replace(train, y=np.full_like(train.y, 0.25))

    with pytest.raises(ConstantTarget, match="load, export"):
        fit_linear(LinearSpec(), constant, validation, layout)


def test_one_constant_output_among_others_is_forecast_as_its_constant() -> None:
    train, validation, test, layout = small_task()
    x, y = train.x.copy(), train.y.copy()
    own = layout.own_past[1]
    assert own is not None
    x[:, :, own] = y[:, :, 1] = 0.5
    same = replace(
        layout,
        x_scaler=replace(layout.x_scaler, lo=layout.x_scaler.lo * 0, hi=layout.x_scaler.hi * 0 + 1),
        y_scaler=replace(layout.y_scaler, lo=layout.y_scaler.lo * 0, hi=layout.y_scaler.hi * 0 + 1),
    )

    fitted = fit_linear(LinearSpec(refit=False), replace(train, x=x, y=y), validation, same)

    flat = test.x.copy()
    flat[:, :, own] = 0.5
    np.testing.assert_allclose(fitted.model.predict(flat)[:, :, 1], 0.5, atol=0.02)


def test_too_few_windows_are_refused() -> None:
    train, validation, _, layout = small_task()

    with pytest.raises(TooFewWindows, match="3 windows"):
        fit_linear(LinearSpec(), train.rows(slice(0, 3)), validation, layout)


def test_numbers_that_are_not_finite_are_refused() -> None:
    train, validation, _, layout = small_task()
    broken = train.x.copy()
    broken[5, 0, 0] = np.inf

    with pytest.raises(NotFinite):
        fit_linear(LinearSpec(), replace(train, x=broken), validation, layout)


@pytest.mark.skipif(not ETTH1.exists(), reason="ETTh1.csv is not beside the checkout")
def test_on_etth1_it_beats_published_transformers_at_96_steps() -> None:
    values, minutes = read(ETTH1)
    lengths = split_rows(len(values), minutes)
    (train, validation, test), layout = cut(values, minutes, lengths, lookback=720, horizon=96)

    fitted = fit_linear(LinearSpec(refit=False), train, validation, layout)

    assert lengths == (8640, 2880, 2880)
    assert errors(fitted.model, test)[0] <= 0.366  # PatchTST: 0.370
