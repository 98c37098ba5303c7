"""The child process as its parent sees it: lines in, lines out, and why it ended."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog
from pydantic import TypeAdapter

from services.trainer.child.protocol import SIGNS_OF_NO_MEMORY, ProgressLine, Ready, Reply, Task
from services.trainer.core.model import Progress
from shared.contracts.kinds import Kind
from shared.contracts.problems import Category
from shared.errors import ResourceExhausted, TrainyardError, Unavailable

ROOT = Path(__file__).parents[3]
REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)
STDERR_TAIL = 4000  # bytes of what a process said last
log = structlog.get_logger()

ProgressHandler = Callable[[Progress], Awaitable[None]]


class WorkerCrashed(Unavailable):
    """The child process ended without an answer; another attempt may succeed."""

    code = "WORKER_CRASHED"
    advice = ("Try again; if it happens again, choose a smaller model.",)


class MemoryExceeded(ResourceExhausted):
    """The fit needed more memory than a worker may use, and was ended."""

    category = Category.RESOURCE_EXHAUSTION
    advice = (
        "Choose fewer input steps, output steps, units or windows.",
        "For a neural kind choose a smaller batch.",
    )


@dataclass(eq=False)
class ChildProcess:
    """One child process, from its start to its end."""

    process: asyncio.subprocess.Process
    _reports: asyncio.StreamReader
    _errors: IO[bytes]
    threads: int | None
    _ended_by: TrainyardError | None = None
    heard_at: float = field(default_factory=time.monotonic)

    @classmethod
    async def start(cls, threads: int | None, *, warm_for: Collection[Kind], nice: int = 0) -> "ChildProcess":
        """Start a process; it is ready for tasks at once, and warm for these kinds when it says so.

        ``nice`` says how far it gives way to others on this machine.
        """
        reading, writing = os.pipe()
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        arguments = [
            "--parent",
            str(os.getpid()),
            "--reports",
            str(writing),
            "--nice",
            str(nice),
            "--warm-for",
            *warm_for,
        ]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.trainer.child.main", *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(writing,),
                start_new_session=True,
                env=environment(threads),
            )  # fmt: skip
        finally:
            os.close(writing)
        reports = asyncio.StreamReader(limit=2**24)
        protocol = asyncio.StreamReaderProtocol(reports)
        pipe = os.fdopen(reading, "rb")
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        return cls(process, reports, errors, threads)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs and may be asked."""
        return self.process.returncode is None and self._ended_by is None

    async def ask(self, task: Task, on_progress: ProgressHandler | None) -> Reply:
        """Hand over a task and return the answer to it."""
        assert self.process.stdin is not None
        before = Evidence(kernel_kills(), os.fstat(self._errors.fileno()).st_size)
        with suppress(ConnectionError):  # its end is noticed below
            self.process.stdin.write(task.model_dump_json().encode() + b"\n")
            await self.process.stdin.drain()
        while line := await self._reports.readline():
            self.heard_at = time.monotonic()
            if not line.endswith(b"\n"):  # a killed child may leave half a line
                break
            reply = REPLY.validate_json(line)
            match reply:
                case ProgressLine():
                    if on_progress:
                        await on_progress(reply.progress)
                case Ready():
                    continue
                case _:
                    return reply
        await self.process.wait()
        raise self._ended_by or self._own_end(before)

    def end(self, reason: TrainyardError) -> None:
        """Kill the process and everything it started; the first reason counts."""
        if self.process.returncode is None:
            self._ended_by = self._ended_by or reason
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def memory_bytes(self) -> int:
        """Return the memory that is the process's own, libraries' files apart; 0 where unknown."""
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        return 0

    def cpu_ticks(self) -> int:
        """Return the processor time used so far; 0 where unknown."""
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])  # user and system time
        return 0

    def _own_end(self, before: "Evidence") -> WorkerCrashed | MemoryExceeded:
        """Say why the process ended by itself: for want of memory, or nobody knows why."""
        exit_code = self.process.returncode
        self._errors.seek(max(before.stderr_size, self._errors.seek(0, os.SEEK_END) - STDERR_TAIL))
        last_words = self._errors.read()
        log.error(
            "the fitting process ended by itself",
            exit_code=exit_code,
            stderr=last_words.decode(errors="replace"),
        )
        if before.show_want_of_memory(exit_code, last_words):
            return MemoryExceeded("the memory of this machine did not suffice for the fit")
        return WorkerCrashed("the fitting process ended by itself", exit_code=exit_code)


@dataclass(frozen=True)
class Evidence:
    """What was known before a task; what has changed when the process has ended says why it did."""

    kernel_kills: int
    stderr_size: int

    def show_want_of_memory(self, exit_code: int | None, last_words: bytes) -> bool:
        """Say whether the kernel killed for memory meanwhile, or a library gave up for want of it."""
        killed = exit_code == -signal.SIGKILL and kernel_kills() > self.kernel_kills
        return killed or any(sign.encode() in last_words for sign in SIGNS_OF_NO_MEMORY)


def kernel_kills(vmstat: Path = Path("/proc/vmstat")) -> int:
    """Return how many processes this machine's kernel has ended for want of memory; 0 where unknown."""
    with suppress(OSError):
        for line in vmstat.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def environment(threads: int | None) -> dict[str, str]:
    """Return the child's environment: our code on its path, quiet libraries, so many threads."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    chosen = {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    if threads:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
        chosen |= dict.fromkeys(names, str(threads)) | {"TF_NUM_INTEROP_THREADS": "1"}
    return {**os.environ, **chosen}
