"""The neural kinds on another backend of keras: the same tests, in a process that runs JAX."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.keras, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[4]
SAME = "stored_as_keras or without_a_linear_forecast or rollout_lives or never_worse"


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax")
def test_every_neural_kind_learns_is_stored_and_loaded_on_jax() -> None:
    folder = ROOT / "tests/services/trainer/core"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", SAME]

    done = subprocess.run(
        [*command, str(folder / "test_neural.py"), str(folder / "test_export.py")],
        cwd=ROOT, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:]
    assert "13 passed" in done.stdout
