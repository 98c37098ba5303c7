"""The examples run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_forecast_needs_no_broker() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "forecast_without_a_broker.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    linear, naive = map(float, re.findall(r"\d+\.\d+", done.stdout.splitlines()[-1]))
    assert linear < naive
