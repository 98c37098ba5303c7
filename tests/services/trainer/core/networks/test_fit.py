"""Neural kinds: what they learn, how they stop, that they resume, and that a rollout is one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.trainer.core.fit import fit
from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.model import Progress
from services.trainer.core.networks.checkpoint import load_checkpoint
from services.trainer.core.networks.standardise import fit_standardisation
from services.trainer.core.problems import NotFinite
from services.trainer.core.shrinkage import best_shrinkage
from shared.contracts.kinds import ArLstmSpec, CnnSpec, DenseSpec, LinearSpec, LstmSpec
from shared.series.arrays import Float32
from shared.windows.samples import Column, Layout, Samples
from shared.windows.scaling import Scaler
from tests.support.forecasting import small_task

pytestmark = pytest.mark.keras

Neural = DenseSpec | CnnSpec | LstmSpec | ArLstmSpec
KINDS: list[type[Neural]] = [DenseSpec, CnnSpec, LstmSpec, ArLstmSpec]
LATE = pytest.param(ArLstmSpec, marks=pytest.mark.slow)  # the same code as LSTM there, for thrice the seconds


def rms(error: Float32) -> Float32:
    """Return the root mean square of each output."""
    root: Float32 = np.sqrt(np.mean(error * error, axis=(0, 1)))
    return root


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_residual_network_is_never_worse_than_the_linear_model_on_validation(kind: type[Neural]) -> None:
    train, validation, _, layout = small_task(n=400)
    linear = fit_linear(LinearSpec(), train, validation, layout).judged

    fitted = fit(kind(layers=(8,), epochs=2), train, validation, layout)

    ours, theirs = (mse(m.predict(validation.x), validation.y) for m in (fitted.judged, linear))
    assert ours <= theirs * (1 + 1e-6)


def bent(part: Samples) -> Samples:
    """Add to the targets what no linear model can say: the distance of the pressure from its middle."""
    return replace(part, y=part.y + 0.5 * np.abs(part.x[:, -1:, :1] - 0.5))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), scale=st.sampled_from([1e-20, 0.3, 1.0, 7.0]))
def test_a_correction_never_counts_more_than_is_best(seed: int, n: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    missing = random.normal(size=(n, 3, 2)).astype(np.float32)
    correction = (scale * (missing + random.normal(size=missing.shape))).astype(np.float32)

    strength = best_shrinkage(correction, missing)

    assert ((strength >= 0) & (strength <= 1)).all()
    assert (rms(missing - strength * correction) <= rms(missing) * (1 + 1e-6)).all()


def test_a_correction_that_one_season_contradicts_counts_less_than_it_fits() -> None:
    missing = np.random.default_rng(1).normal(size=(400, 3, 1)).astype(np.float32)
    agrees, turns = missing.copy(), missing.copy()
    turns[300:] *= -1

    assert best_shrinkage(agrees, missing) > 0.9
    assert np.sum(turns * missing) > 0.4 * np.sum(missing**2)  # the whole part speaks for it
    assert best_shrinkage(turns, missing) < 0.1


def test_a_network_learns_what_the_linear_model_misses() -> None:
    *parts, layout = small_task(n=1200)
    train, validation, test = (bent(part) for part in parts)
    linear = fit_linear(LinearSpec(), train, validation, layout).model

    fitted = fit(DenseSpec(layers=(32,), epochs=30, batch_size=32), train, validation, layout)

    assert mse(fitted.model.predict(test.x), test.y) < 0.9 * mse(linear.predict(test.x), test.y)


@pytest.mark.parametrize("residual", [True, False])
def test_the_final_network_has_learned_from_validation_and_the_judged_one_has_not(residual: bool) -> None:
    train, validation, test, layout = small_task(n=400)
    other = replace(validation, y=1.0 - validation.y)
    spec = DenseSpec(layers=(8,), epochs=1, residual=residual)

    plain = fit(spec.model_copy(update={"refit": False}), train, validation, layout)
    fitted, twisted = (fit(spec, train, part, layout) for part in (validation, other))

    np.testing.assert_array_equal(fitted.judged.predict(test.x), plain.model.predict(test.x))
    assert plain.model is plain.judged
    assert not np.array_equal(fitted.model.predict(test.x), fitted.judged.predict(test.x))
    if not residual:  # a linear forecast is chosen on validation
        np.testing.assert_array_equal(fitted.judged.predict(test.x), twisted.judged.predict(test.x))
        assert not np.array_equal(fitted.model.predict(test.x), twisted.model.predict(test.x))
    assert [one.notes["refit"] for one in (fitted, plain)] == [True, False]


def test_what_only_the_newest_part_shows_is_learned_when_refitting() -> None:
    *parts, layout = small_task(n=1200)
    train, validation, test = (parts[0], bent(parts[1]), bent(parts[2]))
    spec = DenseSpec(layers=(32,), epochs=30, batch_size=16, patience=0)

    fitted = fit(spec, train, validation, layout)

    assert mse(fitted.model.predict(test.x), test.y) < 0.95 * mse(fitted.judged.predict(test.x), test.y)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_by_itself_learns_without_a_linear_forecast(kind: type[Neural]) -> None:
    train, validation, _, layout = small_task(n=400)

    fitted = fit(
        kind(layers=(16,), epochs=6, residual=False, batch_size=16, learning_rate=0.01),
        train,
        validation,
        layout,
    )

    assert min(fitted.history["val_loss"]) < 0.6 * fitted.history["val_loss"][0] + 0.1
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]


@pytest.mark.parametrize("kind", [DenseSpec, LATE])
def test_the_same_seed_gives_the_same_bits(kind: type[Neural]) -> None:
    train, validation, test, layout = small_task(n=400)
    spec = kind(layers=(8,), epochs=2, seed=7)

    first, second = (fit(spec, train, validation, layout) for _ in range(2))

    assert first.history == second.history
    np.testing.assert_array_equal(first.model.predict(test.x), second.model.predict(test.x))


@pytest.mark.parametrize("kind", [DenseSpec, CnnSpec, LstmSpec, LATE])
def test_a_killed_fit_resumes_and_ends_as_if_never_interrupted(kind: type[Neural], tmp_path: Path) -> None:
    train, validation, test, layout = small_task(n=400)
    spec, checkpoint = kind(layers=(8,), epochs=4, patience=0), tmp_path / "checkpoint.npz"
    whole = fit(spec, train, validation, layout)

    def die_in_the_third_epoch(progress: Progress) -> None:
        if progress.fraction > 2 / spec.epochs:  # two are over, the third has begun
            raise Killed

    with pytest.raises(Killed):
        fit(spec, train, validation, layout, on_progress=die_in_the_third_epoch, checkpoint=checkpoint)
    kept = load_checkpoint(checkpoint, spec)
    resumed = fit(spec, train, validation, layout, checkpoint=checkpoint)

    assert kept is not None
    assert len(kept.course.losses) == 2
    assert resumed.history == whole.history
    np.testing.assert_array_equal(resumed.model.predict(test.x), whole.model.predict(test.x))


def test_the_best_epoch_counts_and_patience_ends_the_fit() -> None:
    train, validation, _, layout = small_task(n=400)

    fitted = fit(
        DenseSpec(layers=(8,), epochs=200, learning_rate=0.02, patience=2), train, validation, layout
    )

    losses = fitted.history["val_loss"]
    assert len(losses) < 200
    assert fitted.notes["best_epoch"] == len(losses) - 2 == int(np.argmin(losses)) + 1


def test_progress_rises_and_names_epoch_and_losses() -> None:
    train, validation, _, layout = small_task(n=400)
    seen: list[Progress] = []

    fit(DenseSpec(layers=(8,), epochs=3, patience=0), train, validation, layout, on_progress=seen.append)

    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert seen[-1].epoch == seen[-1].n_epochs == 3
    assert seen[-1].val_loss is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_no_number_names_the_learning_rate(kind: type[Neural]) -> None:
    train, validation, _, layout = small_task(n=400)
    y = validation.y.copy()
    y[5] = 3e38  # its squared error is beyond float32

    with pytest.raises(NotFinite) as caught:
        fit(
            kind(layers=(8,), residual=False),
            train,
            Samples(validation.x, y, validation.ref_ns),
            layout,
        )

    assert caught.value.problem().category == "MODEL_CONVERGENCE"
    assert "learning rate" in caught.value.suggestions[0]


def test_without_a_validation_part_the_newest_training_windows_judge() -> None:
    train, _, _, layout = small_task(n=400)
    nothing = Samples(train.x[:0], train.y[:0], train.ref_ns[:0])

    fitted = fit(DenseSpec(layers=(8,), epochs=1), train, nothing, layout)

    assert "training windows" in str(fitted.notes["judged_by"])


def test_a_network_serves_targets_without_their_own_past() -> None:
    train, validation, test, layout = small_task(n=400, own_past=False)

    forecasts = [
        fit(kind(layers=(4,), epochs=1), train, validation, layout).model.predict(test.x)
        for kind in (DenseSpec, ArLstmSpec)
    ]

    assert all(np.isfinite(y).all() and y.shape == test.y.shape for y in forecasts)


def test_a_rollout_lives_on_its_own_forecasts() -> None:
    """Append the first forecast to the past: what was the second forecast becomes the first.

    Only a network that feeds its forecasts back, through the very cell that saw the past, can do this.
    """
    shorter, longer = univariate(9, 5), univariate(10, 4)
    past = np.sin(np.arange(9) / 3).astype(np.float32).reshape(1, 9, 1)
    network, twin = rollouts(shorter, longer)

    forecast = np.asarray(network.predict_on_batch([past]))
    extended = np.concatenate([past, forecast[:, :1]], axis=1)
    again = np.asarray(twin.predict_on_batch([extended]))

    np.testing.assert_allclose(again[:, :4], forecast[:, 1:], atol=1e-6)
    assert np.ptp(forecast) > 1e-3


def test_a_known_future_input_acts_from_its_own_step_on() -> None:
    train, validation, test, layout = small_task(n=400)
    spec = ArLstmSpec(layers=(8,), epochs=1, residual=False, batch_size=16, learning_rate=0.01)
    model = fit(spec, train, validation, layout).model
    day = next(f for f, column in enumerate(layout.inputs) if column.name == "day_sin")
    changed = test.x[:5].copy()
    changed[:, -1, day] += 1.0  # the calendar at the last forecast step

    before, after = model.predict(test.x[:5]), model.predict(changed)

    np.testing.assert_array_equal(before[:, :-1], after[:, :-1])
    assert np.abs(before[:, -1] - after[:, -1]).min() > 0


def univariate(input_steps: int, output_steps: int) -> Layout:
    """Return a layout of one series and its own future, one hour apart."""
    one = Scaler(*(np.array([value]) for value in (0.0, 1.0, 0.0, 1.0)))
    return Layout(
        inputs=(Column("y", "series", 1.0 - input_steps, 0.0),),
        outputs=(Column("y", "series", 1.0, float(output_steps)),),
        input_steps=input_steps,
        output_steps=output_steps,
        stride=60.0,
        x_scaler=one,
        y_scaler=one,
        own_past=(0,),
    )


def rollouts(*layouts: Layout):  # type: ignore[no-untyped-def]  # keras models are untyped
    """Return networks with the same weights for windows of several lengths."""
    from services.trainer.core.networks.architectures import build, set_frame

    spec = ArLstmSpec(layers=(6, 4), residual=False, seed=1)
    first = layouts[0]
    some = Samples(
        np.ones((3, first.input_steps, 1), np.float32), np.zeros((3, 5, 1), np.float32), np.arange(3)
    )
    networks = [build(spec, layout) for layout in layouts]
    for network in networks:
        set_frame(network, fit_standardisation(some, first, relative=False))
        network.set_weights(networks[0].get_weights())
    return networks


def mse(y_pred: Float32, y_true: Float32) -> float:
    """Return the mean squared error."""
    return float(np.mean((y_pred - y_true) ** 2, dtype=np.float64))
