"""``trainyard up``: ends within seconds with everything it started, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.live, pytest.mark.keras]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "trainyard", "up", "--port", "0", "--data", str(tmp_path / "yard")], cwd=ROOT
    )
    yield process
    process.kill()
    process.wait()


def gateway_of(folder: Path) -> str:
    """Wait until the gateway answers and return its address."""
    port_file = folder / "yard" / "run" / "gateway.port"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if port_file.exists():
            url = f"http://127.0.0.1:{port_file.read_text()}"
            if httpx.get(f"{url}/readyz").status_code == 200:
                return url
        time.sleep(0.1)
    raise TimeoutError("the gateway never became ready")


def family(root_pid: int) -> set[int]:
    """Return the process ids of all descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, waiting = set(), [root_pid]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            found.add(pid)
            waiting.append(pid)
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and not is_zombie(pid)}


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def assert_gone(pids: set[int], *, within: float) -> None:
    end = time.monotonic() + within
    while alive(pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not alive(pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_within_seconds(
    up: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    gateway_of(tmp_path)
    end = time.monotonic() + 30
    while len(pids := family(up.pid)) < 7 and time.monotonic() < end:  # the child comes a moment later
        time.sleep(0.1)

    up.send_signal(number)
    exit_code = up.wait(timeout=12)

    assert exit_code == 0
    assert len(pids) >= 7  # five services, the broker, the trainer's child
    assert_gone(pids, within=1.0)


def test_kill_9_leaves_no_orphan(up: subprocess.Popen[bytes], tmp_path: Path) -> None:
    gateway_of(tmp_path)
    pids = family(up.pid)

    os.kill(up.pid, signal.SIGKILL)

    assert_gone(pids, within=12.0)


def test_a_second_platform_on_the_same_folder_is_refused(up: subprocess.Popen[bytes], tmp_path: Path) -> None:
    gateway_of(tmp_path)

    second = subprocess.run(
        [sys.executable, "-m", "trainyard", "up", "--port", "0", "--data", str(tmp_path / "yard")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode == 1
    assert "STORE_IN_USE" in second.stdout
    assert "Traceback" not in second.stderr
