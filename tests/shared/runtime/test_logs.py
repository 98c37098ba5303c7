"""Where log lines go: JSON to the console and to rotating files at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TALK = """
import sys, logging, structlog
from pathlib import Path
import shared.runtime.logs as logs
logs._FILE_BYTES = 2000
logs.configure_logs("talker", folder=Path(sys.argv[1]), levels={"chatty": "ERROR"})
structlog.contextvars.bind_contextvars(session_id="s1")
for number in range(int(sys.argv[2])):
    structlog.get_logger("ours").info("told", number=number)
logging.getLogger("library").warning("told, too")
logging.getLogger("chatty").warning("not told")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("ours").exception("went wrong")
"""


def talk(folder: Path, n: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the lines of the console and of all files, oldest first, without their times."""
    done = subprocess.run(
        [sys.executable, "-c", TALK, str(folder), str(n)],
        cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    lines = [line for path in files for line in path.read_text().splitlines()]
    console, kept = ([json.loads(line) for line in found] for found in (done.stderr.splitlines(), lines))
    assert all(line.pop("timestamp") for line in (*console, *kept))  # each handler stamps a library's line
    return console, kept


def test_a_line_goes_to_the_console_and_to_a_file_of_nobody_else(tmp_path: Path) -> None:
    console, kept = talk(tmp_path / "logs", 3)

    [file] = (tmp_path / "logs").iterdir()
    assert console == kept
    assert [line["event"] for line in kept] == ["told", "told", "told", "told, too", "went wrong"]
    assert {(line["service"], line["session_id"]) for line in kept} == {("talker", "s1")}
    assert "ZeroDivisionError" in str(kept[-1]["exception"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700


def test_files_rotate_and_the_oldest_go(tmp_path: Path) -> None:
    console, kept = talk(tmp_path / "logs", 200)

    files = list((tmp_path / "logs").iterdir())
    assert len(files) == 6
    assert all(path.stat().st_size <= 2000 and path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert kept == console[-len(kept) :]


IN_A_TERMINAL = """
import sys, structlog
from shared.runtime.logs import configure_logs
sys.stderr.isatty = lambda: True
configure_logs("talker")

def read(rows_of_a_user):
    raise ValueError("went wrong")

try:
    read("4711 kWh")
except ValueError:
    structlog.get_logger("ours").exception("caught")
"""


def test_an_exception_in_a_terminal_shows_its_frames_and_none_of_their_variables() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_TERMINAL], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "ValueError: went wrong" in done.stderr
    assert "in read" in done.stderr
    assert "4711" not in done.stderr
