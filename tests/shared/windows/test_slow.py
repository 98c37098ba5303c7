"""The property tests of this folder again, with a thousand examples each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = sorted(path.name for path in HERE.glob("test_*.py") if "@thorough" in path.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("module", [name for name in MODULES if name != Path(__file__).name])
def test_properties_hold_for_a_thousand_examples(module: str) -> None:
    environment = {**os.environ, "TRAINYARD_EXAMPLES": "1000"}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-o", "timeout=3000", str(HERE / module)],
        cwd=HERE.parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:]
