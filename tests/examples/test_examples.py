"""The examples run as they stand."""

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
    linear, naive = (float(part.split()[-2]) for part in done.stdout.splitlines()[-1].split(";"))
    assert linear < naive
