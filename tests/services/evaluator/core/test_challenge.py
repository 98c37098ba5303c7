"""A candidate is better only where it was so on days neither model learned from, by more than luck."""

from dataclasses import replace

import numpy as np
import pytest

from services.evaluator.core.challenge import MOST_TIMES, Contest, Judgement, Undecided, judge
from shared.contracts.specs import Horizon
from shared.series.arrays import Float64
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from tests.support.forecasting import HOUR_NS, hourly_series, small_dataset

DAYS = 10
ROWS = hourly_series(1200)
TRUTH = {name: ROWS[name] for name in ("load", "export")}
SPEC = small_dataset(700).spec
DATASET = build_dataset(SPEC, {n: Series(n, s.times_ns[:700], s.values[:700]) for n, s in ROWS.items()})


def contest(candidate: Dataset = DATASET, **changes: object) -> Contest:
    return replace(Contest(DATASET, candidate, TRUTH, DAYS), **changes)  # type: ignore[arg-type]  # of mixed types


def judged(old: float, new: float, *, seed: int = 0, persist: float = 0.0) -> Judgement:
    """Judge forecasts wrong by noise of two sizes; errors persist from one moment to the next."""
    found = contest()
    ref_ns = found.times()
    truth, rng = found.true_values(ref_ns), np.random.default_rng(seed)
    return judge(
        found, ref_ns, *(truth + size * _noise(rng, truth, persist) for size in (old, new)), level=0.05
    )


def _noise(rng: np.random.Generator, truth: Float64, persist: float) -> Float64:
    noise = rng.normal(size=truth.shape)
    for k in range(1, len(noise)):
        noise[k] = persist * noise[k - 1] + np.sqrt(1 - persist**2) * noise[k]
    return noise


def test_the_truth_is_what_training_would_have_learned() -> None:
    index = DATASET.indices("test")

    values = contest().true_values(DATASET.ref_ns[index])

    np.testing.assert_array_equal(values, DATASET.y_true(index))


def test_moments_are_those_of_the_last_days_whose_truth_is_complete() -> None:
    ref_ns = contest().times()

    newest = int(ROWS["load"].times_ns[-1])
    assert ref_ns[0] == newest - DAYS * 24 * HOUR_NS
    assert ref_ns[-1] == newest - 6 * HOUR_NS
    assert set(np.diff(ref_ns)) == {HOUR_NS}


def test_many_moments_are_thinned_over_all_the_days() -> None:
    long = hourly_series(3000)
    found = contest(truth={name: long[name] for name in TRUTH}, days=90)

    ref_ns = found.times()

    assert len(ref_ns) == MOST_TIMES
    assert ref_ns[-1] - ref_ns[0] > 89 * 24 * HOUR_NS


@pytest.mark.parametrize(
    ("old", "new", "decision"),
    [(2.0, 1.0, "better"), (1.0, 2.0, "worse"), (1.0, 1.0, "no_difference")],
)
def test_a_clear_difference_is_told_with_its_numbers_and_none_is_not_claimed(
    old: float, new: float, decision: str
) -> None:
    found = judged(old, new)

    assert found.decision == decision
    assert found.n_windows == DAYS * 24 - 5
    assert found.relative == pytest.approx(new / old - 1, abs=0.1)
    assert found.p_value is not None
    assert found.relative is not None
    assert (found.p_value < 0.05) == (decision != "no_difference")
    assert {t.name for t in found.targets} == {"load", "export"}
    assert f"{abs(found.relative):.1%}" in found.reason


def test_equal_models_with_persistent_errors_are_rarely_told_apart() -> None:
    decisions = [judged(1.0, 1.0, seed=seed, persist=0.9).decision for seed in range(60)]

    assert sum(decision != "no_difference" for decision in decisions) <= 8


def test_days_a_model_learned_from_decide_nothing_and_the_day_they_will_is_named() -> None:
    fresh = build_dataset(SPEC, ROWS)

    with pytest.raises(Undecided) as reason:
        contest(fresh, days=30).times()

    assert "the candidate learned from rows up to" in str(reason.value)
    assert "30 unseen days" in str(reason.value)


def test_models_of_other_values_are_not_compared() -> None:
    shorter = tuple(
        one.model_copy(update={"horizon": Horizon(start=2, end=7)}) if one.role == "output" else one
        for one in SPEC.series
    )
    other = build_dataset(SPEC.model_copy(update={"series": shorter}), hourly_series(700))

    with pytest.raises(Undecided, match="same values"):
        contest(other).times()


def test_a_pair_is_judged_again_only_after_as_many_new_days() -> None:
    newest = int(ROWS["load"].times_ns[-1])

    with pytest.raises(Undecided, match="again from"):
        contest(judged_until_ns=newest - (DAYS * 24 - 1) * HOUR_NS).times()

    assert len(contest(judged_until_ns=newest - DAYS * 24 * HOUR_NS).times())


def test_windows_one_model_has_no_inputs_for_count_for_neither() -> None:
    found = contest()
    ref_ns = found.times()
    truth = found.true_values(ref_ns)
    holed = truth.copy()
    holed[:24] = np.nan

    half = judge(found, ref_ns, truth + 1.0, holed + 0.5, level=0.05)

    assert half.n_windows == len(ref_ns) - 24
    with pytest.raises(Undecided, match="every input"):
        judge(found, ref_ns, truth, np.full_like(truth, np.nan), level=0.05)
