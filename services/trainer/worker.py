"""The parent's side of the child process: hand it one task at a time, watch it, end it, replace it."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import structlog
from pydantic import TypeAdapter

from services.trainer.core.model import Progress
from services.trainer.tasks import (
    Advance,
    ExportOutcome,
    ExportTask,
    PredictOutcome,
    PredictTask,
    Ready,
    Refusal,
    Saying,
    Task,
    TrainOutcome,
    TrainTask,
)
from shared.contracts.problems import Category, Problem
from shared.errors import InvalidInput, ResourceExhausted, TrainyardError, Unavailable

__all__ = [
    "ExportTask", "FitCancelled", "FitRefused", "PredictTask", "TrainOutcome", "TrainTask", "WarmWorker",
    "WorkerCrashed",
]  # fmt: skip

ROOT = Path(__file__).parents[2]
LOOK_EVERY = 0.25  # seconds between looks at the child's memory and silence
SAYING: TypeAdapter[Saying] = TypeAdapter(Saying)
log = structlog.get_logger()

OnAdvance = Callable[[Progress], Awaitable[None]]


class FitCancelled(TrainyardError):
    """The task was ended on request."""

    code = "CANCELLED"


class FitRefused(InvalidInput):
    """The child says why the task cannot be done."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, suggestions=problem.suggestions, **problem.details)
        self._problem = problem
        self.code = problem.code  # type: ignore[misc]  # the child's error, not ours, names the cause

    def problem(self) -> Problem:
        """Return the problem as the child put it."""
        return self._problem


class WorkerCrashed(Unavailable):
    """The child process ended without an answer; another attempt may succeed."""

    code = "WORKER_CRASHED"
    advice = ("Try again; if it happens again, choose a smaller model.",)


class WorkerStalled(WorkerCrashed):
    """The child process neither reported nor computed for a long time, and was ended."""

    code = "WORKER_STALLED"


class MemoryExceeded(ResourceExhausted):
    """The fit needed more memory than a worker may use, and was ended."""

    category = Category.RESOURCE_EXHAUSTION
    advice = ("Choose fewer input steps, output steps, units or windows.",)


class WarmWorker:
    """One child process that has its libraries loaded, doing one task at a time.

    Parameters
    ----------
    threads
        Threads of a fit; None leaves it to the libraries, which take every core.
    memory_bytes
        The child is ended when it holds more; None = no limit.
    stall_seconds
        The child is ended when it has neither reported nor computed for so long.
    neural
        Load the libraries of neural kinds at once, beside the first tasks.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        memory_bytes: int | None = None,
        stall_seconds: float = 600.0,
        neural: bool = True,
    ) -> None:
        self._threads, self._memory_bytes = threads, memory_bytes
        self._stall_seconds, self._neural = stall_seconds, neural
        self._child: Child | None = None
        self._one_task = asyncio.Lock()

    async def start(self) -> None:
        """Start the child; it loads its libraries while we go on."""
        self._child = await Child.start(self._threads, neural=self._neural)

    async def stop(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child:
            child.end(FitCancelled("the worker stops"))
            await child.gone()

    async def cancel(self) -> None:
        """End the task in hand, which then raises ``FitCancelled``, and start a fresh child."""
        if self._child and self._one_task.locked():
            self._child.end(FitCancelled("ended on request"))
            await self._child.gone()

    async def train(self, task: TrainTask, on_progress: OnAdvance) -> TrainOutcome:
        """Fit a model in the child.

        Raises
        ------
        FitRefused, MemoryExceeded
            If the model cannot be fitted: the ``Problem`` says why.
        FitCancelled
            If ``cancel`` was called.
        WorkerCrashed
            If the child died or stalled: worth another attempt.
        """
        threads = task.threads or self._threads
        limit = task.memory_bytes or self._memory_bytes
        outcome = await self._ask(task.model_copy(update={"memory_bytes": limit}), threads, on_progress)
        assert isinstance(outcome, TrainOutcome)
        return outcome

    async def predict(self, task: PredictTask) -> PredictOutcome:
        """Forecast in the child; raises as ``train`` does."""
        outcome = await self._ask(task, self._any_threads, _ignore)
        assert isinstance(outcome, PredictOutcome)
        return outcome

    async def export(self, task: ExportTask) -> ExportOutcome:
        """Write a model in another format in the child; raises as ``train`` does."""
        outcome = await self._ask(task, self._any_threads, _ignore)
        assert isinstance(outcome, ExportOutcome)
        return outcome

    @property
    def _any_threads(self) -> int | None:
        """The threads the child has, so that a short task does not replace it."""
        return self._child.threads if self._child else self._threads

    async def _ask(self, task: Task, threads: int | None, on_advance: OnAdvance) -> Saying:
        async with self._one_task:
            child = await self._fitting_child(threads)
            watch = asyncio.create_task(self._watch(child))
            answered = False
            try:
                outcome = await child.ask(task, on_advance)
                answered = True
            finally:
                watch.cancel()
                if not answered:  # it died, or we are being cancelled: what it does now is of no use
                    child.end(FitCancelled("nobody waits for the task any more"))
                    await self._replace(child)
        if isinstance(outcome, Refusal):
            raise FitRefused(outcome.problem)
        return outcome

    async def _replace(self, child: "Child") -> None:
        """Start a fresh child instead of one that has ended, unless the worker has stopped."""
        if self._child is child:
            self._child = await asyncio.shield(Child.start(child.threads, neural=self._neural))

    async def _fitting_child(self, threads: int | None) -> "Child":
        """Return a living child with so many threads: they are fixed when a library starts."""
        child = self._child
        if child is None or not child.is_alive or child.threads != threads:
            if child:
                child.end(FitCancelled("replaced"))
            child = self._child = await Child.start(threads, neural=self._neural)
        return child

    async def _watch(self, child: "Child") -> None:
        """End a child that holds too much memory, or neither reports nor computes."""
        computed, since = child.cpu_ticks(), time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            held, ticks = child.memory_bytes(), child.cpu_ticks()
            if self._memory_bytes and held > self._memory_bytes:
                used, limit = held // 2**20, self._memory_bytes // 2**20
                child.end(
                    MemoryExceeded(f"the fit held {used} MiB; {limit} MiB are allowed", limit_mib=limit)
                )
            if ticks > computed + 1 or child.heard_at > since:
                computed, since = ticks, time.monotonic()
            if time.monotonic() - since > self._stall_seconds:
                silence = round(time.monotonic() - since)
                child.end(WorkerStalled(f"no sign of life for {silence} s", silence_s=silence))


async def _ignore(progress: Progress) -> None:
    """Take progress and do nothing."""


class Child:
    """One child process, from its start to its end."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reports: asyncio.StreamReader,
        errors: IO[bytes],
        threads: int | None,
    ) -> None:
        self.process, self.threads = process, threads
        self._reports, self._errors = reports, errors
        self._ended_by: TrainyardError | None = None
        self.heard_at = time.monotonic()

    @classmethod
    async def start(cls, threads: int | None, *, neural: bool) -> "Child":
        """Start a process; it is ready for tasks at once, and for neural kinds when it says so."""
        reading, writing = os.pipe()
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        arguments = [
            "--parent",
            str(os.getpid()),
            "--reports",
            str(writing),
            *(["--neural"] if neural else []),
        ]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.trainer.child", *arguments,
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

    async def ask(self, task: Task, on_advance: OnAdvance) -> Saying:
        """Hand over a task and return the answer to it."""
        assert self.process.stdin is not None
        with suppress(ConnectionError):  # its end is noticed below
            self.process.stdin.write(task.model_dump_json().encode() + b"\n")
            await self.process.stdin.drain()
        async for saying in self._sayings():
            match saying:
                case Advance():
                    await on_advance(Progress(**saying.model_dump(exclude={"said"})))
                case Ready():
                    continue
                case _:
                    return saying
        await self.gone()
        raise self._ended_by or self._crash()

    def end(self, reason: TrainyardError) -> None:
        """Kill the process and everything it started; the first reason counts."""
        if self.process.returncode is None:
            self._ended_by = self._ended_by or reason
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until the process is no more."""
        await self.process.wait()

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

    async def _sayings(self) -> AsyncIterator[Saying]:
        while line := await self._reports.readline():
            self.heard_at = time.monotonic()
            if line.endswith(b"\n"):  # a killed child may leave half a line
                yield SAYING.validate_json(line)

    def _crash(self) -> WorkerCrashed:
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4000))
        tail = self._errors.read().decode(errors="replace")
        log.error("the fitting process ended by itself", exit_code=self.process.returncode, stderr=tail)
        return WorkerCrashed("the fitting process ended by itself", exit_code=self.process.returncode)


def environment(threads: int | None) -> dict[str, str]:
    """Return the child's environment: our code on its path, quiet libraries, so many threads."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    chosen = {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    if threads:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
        chosen |= dict.fromkeys(names, str(threads)) | {"TF_NUM_INTEROP_THREADS": "1"}
    return {**os.environ, **chosen}
