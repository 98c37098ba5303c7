"""The parent's side of the child process: hand it one task at a time, watch it, end it, replace it."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeVar

import structlog

from services.trainer.child.process import ChildProcess, MemoryExceeded, ProgressHandler, WorkerCrashed
from services.trainer.child.protocol import (
    BackcastTask,
    ExplainTask,
    ExportTask,
    ForecastTask,
    PipeLine,
    PredictTask,
    Rejected,
    Reply,
    Task,
    TrainOutcome,
    TrainTask,
)
from shared.contracts.kinds import KINDS, Kind
from shared.errors import PassedOn, TrainyardError

log = structlog.get_logger()
OutcomeT = TypeVar("OutcomeT", bound=PipeLine)
ShortTask = PredictTask | ExportTask | ExplainTask | ForecastTask | BackcastTask

LOOK_EVERY = 0.25  # seconds between looks at the child's memory and silence


class FitCancelled(TrainyardError):
    """The task was ended on request."""

    code = "CANCELLED"


class FitRefused(PassedOn):
    """The child says why the task cannot be done."""


class WorkerStalled(WorkerCrashed):
    """The child process neither reported nor computed for a long time, and was ended."""

    code = "WORKER_STALLED"


@dataclass(eq=False)
class WarmChild:
    """One child process that has its libraries loaded, doing one task at a time.

    Parameters
    ----------
    threads
        Threads of a fit; None leaves it to the libraries, which take every core.
    memory_bytes
        The child is ended when it holds more; None = no limit.
    stall_seconds
        The child is ended when it has neither reported nor computed for so long.
    warm_for
        Load at once, beside the first tasks, the libraries these kinds need.
    nice
        How far the child gives way to other processes of this machine.
    """

    _: KW_ONLY
    threads: int | None = None
    memory_bytes: int | None = None
    stall_seconds: float = 600.0
    warm_for: Collection[Kind] = KINDS
    nice: int = 0
    _child: ChildProcess | None = None
    _one_task: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self) -> None:
        """Start the child; it loads its libraries while we go on."""
        self._child = await ChildProcess.start(self.threads, warm_for=self.warm_for, nice=self.nice)

    async def stop(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child:
            child.end(FitCancelled("the worker stops"))
            await child.process.wait()

    async def cancel(self) -> None:
        """End the task in hand, which then raises ``FitCancelled``, and start a fresh child."""
        if self._child and self._one_task.locked():
            self._child.end(FitCancelled("ended on request"))
            await self._child.process.wait()

    async def train(self, task: TrainTask, on_progress: ProgressHandler) -> TrainOutcome:
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
        threads = task.threads or self.threads
        limit = task.memory_bytes or self.memory_bytes
        outcome = await self._ask(task.model_copy(update={"memory_bytes": limit}), threads, on_progress)
        assert isinstance(outcome, TrainOutcome)
        return outcome

    async def answer(self, task: ShortTask, expected: type[OutcomeT]) -> OutcomeT:
        """Have a short task done by the child as it is, whatever its threads; raises as ``train`` does."""
        threads = self._child.threads if self._child else self.threads
        outcome = await self._ask(task, threads)
        assert isinstance(outcome, expected)
        return outcome

    async def _ask(
        self, task: Task, threads: int | None, on_progress: ProgressHandler | None = None
    ) -> Reply:
        async with self._one_task:
            child = self._child
            # A child is replaced for its threads: they are fixed when a library starts.
            if child is None or not child.is_alive or child.threads != threads:
                if child:
                    child.end(FitCancelled("replaced"))
                child = self._child = await ChildProcess.start(
                    threads, warm_for=self.warm_for, nice=self.nice
                )
            watch = asyncio.create_task(self._watch(child))
            answered = False
            try:
                outcome = await child.ask(task, on_progress)
                answered = True
            finally:
                watch.cancel()
                if not answered:  # it died, or we are being cancelled: what it does now is of no use
                    child.end(FitCancelled("nobody waits for the task any more"))
                    await self._replace(child)
        if isinstance(outcome, Rejected):
            if outcome.trace:
                log.error("unexpected error in the fitting process", task=task.task, trace=outcome.trace)
            if outcome.exhausted:  # what it holds by now would be missing for the next model
                child.end(FitCancelled("its memory is exhausted"))
                await self._replace(child)
            raise FitRefused(outcome.problem)
        return outcome

    async def _replace(self, child: "ChildProcess") -> None:
        """Start a fresh child instead of one that has ended, unless the worker has stopped."""
        if self._child is child:
            self._child = await asyncio.shield(
                ChildProcess.start(child.threads, warm_for=self.warm_for, nice=self.nice)
            )

    async def _watch(self, child: "ChildProcess") -> None:
        """End a child that holds too much memory, or neither reports nor computes."""
        computed, since = child.cpu_ticks(), time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            held, ticks = child.memory_bytes(), child.cpu_ticks()
            if self.memory_bytes and held > self.memory_bytes:
                used, limit = held // 2**20, self.memory_bytes // 2**20
                child.end(
                    MemoryExceeded(f"the fit held {used} MiB; {limit} MiB are allowed", limit_mib=limit)
                )
            if ticks > computed + 1 or child.heard_at > since:
                computed, since = ticks, time.monotonic()
            if time.monotonic() - since > self.stall_seconds:
                silence = round(time.monotonic() - since)
                child.end(WorkerStalled(f"no sign of life for {silence} s", silence_s=silence))
