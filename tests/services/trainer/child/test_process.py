"""Why a child process ended: what the kernel and its last words say."""

import signal
from pathlib import Path

import pytest

from services.trainer.child import process
from services.trainer.child.process import Evidence, kernel_kills


def test_the_kernel_counts_whom_it_kills_for_memory(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("pgfault 12\noom_kill 3\n")

    assert kernel_kills(vmstat) == 3
    assert kernel_kills(tmp_path / "none") == 0


@pytest.mark.parametrize(
    ("exit_code", "kills", "last_words", "expected"),
    [
        pytest.param(-signal.SIGKILL, 4, b"", True, id="killed while the kernel killed for memory"),
        pytest.param(-signal.SIGKILL, 3, b"", False, id="killed by somebody else"),
        pytest.param(-signal.SIGABRT, 3, b"what(): std::bad_alloc", True, id="a library gave up"),
        pytest.param(-signal.SIGSEGV, 4, b"", False, id="crashed while somebody else was killed"),
        pytest.param(1, 3, b"ValueError: odd", False, id="an error of ours"),
    ],
)
def test_an_end_for_want_of_memory_is_told_from_a_crash(
    monkeypatch: pytest.MonkeyPatch, exit_code: int, kills: int, last_words: bytes, expected: bool
) -> None:
    before = Evidence(kernel_kills=3, stderr_size=0)
    monkeypatch.setattr(process, "kernel_kills", lambda: kills)

    assert before.show_want_of_memory(exit_code, last_words) is expected
