"""A slice of the fault campaign (`make campaign` plays all of it): nothing lost, doubled, stuck or wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MINUTES = float(os.environ.get("TRAINYARD_CAMPAIGN_MINUTES", "20"))


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.timeout(60 * (MINUTES + 10))
def test_a_slice_of_the_fault_campaign_loses_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.campaign",
        "--minutes",
        str(MINUTES),
        "--folder",
        str(tmp_path),
    ]
    seed = ["--seed", os.environ.get("TRAINYARD_CAMPAIGN_SEED", "1")]

    played = subprocess.run([*command, *seed], cwd=ROOT, capture_output=True, text=True, check=False)

    assert played.returncode == 0, played.stdout[-4_000:] + played.stderr[-2_000:]
