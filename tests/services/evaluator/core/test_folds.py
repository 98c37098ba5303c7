import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.core.folds import plan_folds
from services.evaluator.core.problems import FoldsDoNotFit

MINUTE_NS = 60 * 10**9


@given(
    st.integers(1, 5),
    st.integers(1, 10),
    st.integers(0, 10),
    st.integers(0, 300),
    st.booleans(),
    st.booleans(),
)
def test_nothing_is_fitted_with_a_value_unknown_at_the_cutoff(
    n_folds: int, n_test: int, n_validation: int, horizon: int, expanding: bool, refit: bool
) -> None:
    ref_ns = np.cumsum(np.random.default_rng(n_folds).integers(1, 90, 200)) * MINUTE_NS

    folds = plan_folds(
        ref_ns,
        n_folds=n_folds,
        test_windows=n_test,
        validation_windows=n_validation,
        horizon_minutes=horizon,
        expanding=expanding,
        refit=refit,
    )

    assert [fold.test[0] for fold in folds[1:]] == [fold.test[1] for fold in folds[:-1]]
    assert folds[-1].test[1] == len(ref_ns)
    for fold in folds:
        assert fold.cutoff_ns == ref_ns[fold.test[0]]
        parts = [part for part in (fold.train, fold.validation, fold.test) if part[0] < part[1]]
        for earlier, later in itertools.pairwise(parts):
            assert ref_ns[earlier[1] - 1] + horizon * MINUTE_NS <= ref_ns[later[0]]


def test_windows_that_do_not_refit_keep_the_first_model() -> None:
    ref_ns = np.arange(100) * 60 * MINUTE_NS
    sizes: dict[str, Any] = {
        "n_folds": 3,
        "test_windows": 10,
        "validation_windows": 10,
        "horizon_minutes": 120,
    }

    kept = plan_folds(ref_ns, **sizes, refit=False)
    sliding = plan_folds(ref_ns, **sizes, expanding=False)

    assert {fold.train for fold in kept} == {kept[0].train}
    assert [fold.refit for fold in kept] == [True, False, False]
    assert {fold.train[1] - fold.train[0] for fold in sliding} == {sliding[0].train[1]}
    assert [fold.train[1] for fold in plan_folds(ref_ns, **sizes)] == [58, 68, 78]


@pytest.mark.parametrize(("n_folds", "n_validation"), [(20, 0), (3, 90), (200, 5)])
def test_too_many_folds_are_refused_with_what_is_left(n_folds: int, n_validation: int) -> None:
    ref_ns = np.arange(100) * 60 * MINUTE_NS

    with pytest.raises(FoldsDoNotFit, match="of 100 samples to train the first on"):
        plan_folds(
            ref_ns, n_folds=n_folds, test_windows=5, validation_windows=n_validation, horizon_minutes=60
        )
