"""Models stored by every release so far load, and forecast what they did then.

Once per release: ``TRAINYARD_RELEASE=0.2.0 pytest tests/services/trainer/core/test_releases.py``, then commit
the new folder.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from services.trainer.core.export import load_forecaster
from shared.contracts.kinds import NEURAL
from tests.support.store_models import SPECS, store

RELEASES = Path(__file__).parent / "releases"
if release := os.environ.get("TRAINYARD_RELEASE"):
    for spec in SPECS:
        store(spec, RELEASES / release / spec.kind)
STORED = sorted(path.parent for path in RELEASES.rglob("passport.json"))


@pytest.mark.parametrize(
    "folder",
    [pytest.param(f, marks=pytest.mark.keras) if f.name in NEURAL else f for f in STORED],
    ids=lambda folder: f"{folder.parent.name} {folder.name}",
)
def test_a_stored_model_forecasts_what_it_did(folder: Path) -> None:
    forecaster = load_forecaster(folder)

    with np.load(folder / "expected.npz") as expected:
        forecasts = forecaster.forecast(expected["x"])

        np.testing.assert_allclose(forecasts, expected["y_pred"], rtol=1e-5)


def test_there_is_a_stored_model_of_every_neural_kind() -> None:
    assert {folder.name for folder in STORED} >= set(NEURAL)
