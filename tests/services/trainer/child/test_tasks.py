"""What the child does for a trial of a search: it forecasts and is judged, and does nothing else."""

from pathlib import Path

import numpy as np
import pytest

from services.trainer.child import tasks
from services.trainer.child.protocol import TrainTask
from services.trainer.core.fit import fit
from services.trainer.core.model import ignore_progress
from shared.contracts.kinds import BoostSpec, ModelSpec
from shared.contracts.trials import SEARCH_LOSS, Trial
from tests.support.forecasting import stored_dataset


def test_a_trial_grows_no_trees_for_quantiles_that_nobody_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[ModelSpec] = []

    def remembering(spec: ModelSpec, *given: object, **named: object) -> object:
        fitted.append(spec)
        return fit(spec, *given, **named)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(tasks, "fit", remembering)
    dataset = stored_dataset(tmp_path / "dataset")
    spec, trial = BoostSpec(n_estimators=20), Trial(model="0" * 32, number=1)

    outcome = tasks.train(
        TrainTask(spec=spec, dataset=dataset, output=tmp_path / "out", trial=trial), ignore_progress
    )
    tasks.train(TrainTask(spec=spec, dataset=dataset, output=tmp_path / "model"), ignore_progress)

    assert fitted == [spec.model_copy(update={"quantiles": False}), spec]
    assert np.isfinite(outcome.notes[SEARCH_LOSS])  # type: ignore[arg-type]  # a number among any JSON
