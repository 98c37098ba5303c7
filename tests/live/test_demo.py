"""``trainyard demo --future``: the demonstration with a series known in advance."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.contracts.kinds import LinearSpec
from tests.support.load import short_files
from trainyard.cli import app
from trainyard.demo import EXAMPLES

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def short_example(monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(EXAMPLES["elecdemand"], files=short_files, models=(LinearSpec(),))
    monkeypatch.setattr("trainyard.cli.EXAMPLES", {"short": short})


def demo(folder: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit code of the demonstration and what it says."""
    given = ["demo", "--example", "short", "--data", str(folder / "demo"), *arguments]
    done = CliRunner().invoke(app, given, env={"COLUMNS": "160"})
    return done.exit_code, done.output + str(done.exception or "")


def test_with_a_series_known_in_advance_tomorrow_is_said_not_to_be_forecast(
    tmp_path: Path,
) -> None:
    code, said = demo(tmp_path, "--future", "temperature")

    assert code == 0, said
    assert "tomorrow is not forecast: it takes tomorrow's temperature" in said


def test_a_series_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    code, said = demo(tmp_path, "--future", "humidity")

    assert code != 0
    assert "'humidity' is no input that may be known in advance; these may: temperature" in said
