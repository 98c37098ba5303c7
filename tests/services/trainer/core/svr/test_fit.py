"""Support-vector kinds: exact against scikit-learn, features when large, storage and progress."""

from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVR

import services.trainer.core.svr.fit as svr
from services.trainer.core.model import Fitted, Progress
from services.trainer.core.problems import TooFewWindows
from services.trainer.core.svr.kernels import JointKernelModel, KernelModel, flatten
from shared.contracts.kinds import Kernel, SvrDirectSpec, SvrMimoSpec
from shared.windows.samples import Layout, Samples
from tests.support.forecasting import small_task

Task = tuple[Samples, Samples, Samples, Layout]


@pytest.fixture(scope="module")
def task() -> Task:
    """Two outputs, six steps."""
    return small_task(n=300)


def fit_both(task: Task, **settings: Any) -> list[Fitted]:
    """Fit both kinds."""
    train, validation, _, layout = task
    return [
        svr.fit_svr_direct(SvrDirectSpec(**settings), train, validation, layout),
        svr.fit_svr_mimo(SvrMimoSpec(**settings), train, validation, layout),
    ]


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
def test_the_direct_kind_is_scikit_learn_target_by_target(task: Task, kernel: Kernel) -> None:
    train, validation, test, layout = task
    # A sigmoid kernel with a larger gamma is indefinite: its problem then has many local optima.
    gamma = 0.001 if kernel == "sigmoid" else 0.01
    spec = SvrDirectSpec(kernel=kernel, C=0.5, epsilon=0.05, gamma=gamma, degree=2)

    fitted = svr.fit_svr_direct(spec, train, validation, layout)

    forecast = fitted.model.predict(test.x)
    for step, output in ((0, 0), (5, 1)):
        reference = SVR(kernel=kernel, C=0.5, epsilon=0.05, gamma=gamma, degree=2)
        reference.fit(flatten(train.x), train.y[:, step, output])
        theirs = reference.predict(flatten(test.x))
        np.testing.assert_allclose(forecast[:, step, output], theirs, atol=5e-3)


def test_above_the_exact_size_features_come_close_and_the_notes_say_so(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, validation, test, layout = task
    spec = SvrDirectSpec(epsilon=0.02)
    exact = svr.fit_svr_direct(spec, train, validation, layout)

    monkeypatch.setattr(svr, "EXACT_WORK", 0)
    monkeypatch.setattr(svr, "N_CENTRES", 100)
    monkeypatch.setattr(svr, "MOST_RESIDUALS", 5 * len(train))  # groups of five targets
    large = svr.fit_svr_direct(spec, train, validation, layout)

    assert (exact.notes["nystroem"], large.notes["nystroem"]) == (False, True)
    assert np.abs(large.model.predict(test.x) - exact.model.predict(test.x)).mean() < 0.02


def test_the_joint_kind_switches_to_features_visibly(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation, test, layout = task
    spec = SvrMimoSpec(epsilon=0.02)
    exact = svr.fit_svr_mimo(spec, train, validation, layout)

    monkeypatch.setattr(svr, "EXACT_WINDOWS", 10)
    monkeypatch.setattr(svr, "N_CENTRES", 100)
    large = svr.fit_svr_mimo(spec, train, validation, layout)

    assert (exact.notes["nystroem"], large.notes["nystroem"]) == (False, True)
    assert np.abs(large.model.predict(test.x) - exact.model.predict(test.x)).mean() < 0.02


def test_epsilon_means_the_same_per_step_however_long_the_forecast(task: Task) -> None:
    direct, joint = fit_both(task, epsilon=0.1)

    assert joint.notes["tube_radius"] == pytest.approx(0.1 * np.sqrt(12))
    assert "tube_radius" not in direct.notes


@pytest.mark.parametrize("family", [KernelModel, JointKernelModel])
def test_both_kinds_learn_and_forecast_the_same_after_storage(task: Task, family: type[KernelModel]) -> None:
    train, _, test, layout = task
    model = fit_both(task, epsilon=0.01)[family is JointKernelModel].model

    restored = family.from_arrays(model.to_arrays(), layout)

    forecast = model.predict(test.x)
    np.testing.assert_array_equal(restored.predict(test.x), forecast)
    assert type(model) is family
    assert np.square(forecast - test.y).mean() < 0.5 * np.square(train.y.mean(axis=0) - test.y).mean()


def test_the_same_seed_gives_the_same_model(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svr, "EXACT_WINDOWS", 10)
    monkeypatch.setattr(svr, "N_CENTRES", 50)

    first, second, other = (fit_both(task, seed=seed)[1].model.to_arrays() for seed in (3, 3, 4))

    np.testing.assert_array_equal(first["centres"], second["centres"])
    np.testing.assert_allclose(first["weights"], second["weights"], rtol=1e-3, atol=1e-3)
    assert not np.array_equal(first["centres"], other["centres"])


def test_progress_counts_outputs_and_iterations(task: Task) -> None:
    train, validation, _, layout = task
    direct: list[Progress] = []
    joint: list[Progress] = []

    svr.fit_svr_direct(SvrDirectSpec(), train, validation, layout, on_progress=direct.append)
    svr.fit_svr_mimo(SvrMimoSpec(), train, validation, layout, on_progress=joint.append)

    assert {progress.epoch for progress in direct if progress.phase == "outputs"} == set(range(13))
    for seen in (direct, joint):
        fractions = [progress.fraction for progress in seen]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


def test_too_few_windows_are_refused(task: Task) -> None:
    train, validation, _, layout = task

    with pytest.raises(TooFewWindows):
        svr.fit_svr_mimo(SvrMimoSpec(), train.rows(slice(0, 2)), validation, layout)
