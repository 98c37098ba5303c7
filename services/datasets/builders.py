"""Processes that build data sets, so that one can be ended and none keeps another waiting."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from pydantic import JsonValue

from services.datasets.child import Built, Order
from services.datasets.core.artefact import planned_within
from services.datasets.ports import BuildCancelled
from shared.cancellation import end
from shared.contracts.specs import DatasetSpec
from shared.errors import PassedOn, Unavailable
from shared.series.series import Series
from shared.windows.size_estimate import Limits

PRODUCT = "product"  # what is to be stored, in the folder of a build
ROOT = Path(__file__).parents[2]
LARGE_SECONDS = 2.0  # of expected work: what takes longer never has the last process
LOOK_EVERY = 0.5  # seconds between two looks whether somebody still wants the data set
_LINE_BYTES = 2**26  # a report may have hundreds of columns

log = structlog.get_logger()


class BuildCrashed(Unavailable):
    """The process that built the data set ended without an answer."""

    code = "BUILD_CRASHED"
    advice = ("Try again; if it happens again, use fewer steps or series.",)


class BuildRefused(PassedOn):
    """The process says why the data set cannot be built."""


@dataclass(eq=False)
class BuilderProcess:
    """One process that builds, from its start to its end."""

    _process: asyncio.subprocess.Process
    _answers: asyncio.StreamReader

    @classmethod
    async def start(cls) -> "BuilderProcess":
        """Start a process; its libraries load while the first order is written."""
        reading, writing = os.pipe()
        arguments = ["--parent", str(os.getpid()), "--answers", str(writing)]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.datasets.child", *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(writing,),
                start_new_session=True,
                cwd=ROOT,
            )  # fmt: skip
        finally:
            os.close(writing)
        answers = asyncio.StreamReader(limit=_LINE_BYTES)
        protocol = asyncio.StreamReaderProtocol(answers)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb"))
        return cls(process, answers)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def build(self, order: Order) -> Built:
        """Have one data set built.

        Raises
        ------
        BuildCrashed
            If the process ends meanwhile.
        """
        assert self._process.stdin is not None
        with suppress(ConnectionError):  # its end is noticed below
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            await self._process.stdin.drain()
        line = await self._answers.readline()
        if not line.endswith(b"\n"):
            await self.end()
            raise BuildCrashed("the process that built the data set ended", status=self._process.returncode)
        return Built.model_validate_json(line)

    async def end(self) -> None:
        """Kill the process and wait until it is no more."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class Builders:
    """Builds data sets, at most ``at_once`` together; a small one never waits for large ones alone."""

    def __init__(self, *, at_once: int, limits: Limits) -> None:
        self.limits = limits
        self._at_once = max(2, at_once)
        self._turns = asyncio.Semaphore(self._at_once)
        self._large = asyncio.Semaphore(self._at_once - 1)
        self._idle: list[BuilderProcess] = []

    async def build(
        self,
        spec: DatasetSpec,
        series: Mapping[str, Series],
        folder: Path,
        *,
        unwanted: Callable[[], Awaitable[bool]],
    ) -> dict[str, JsonValue]:
        """Build a data set into an empty folder; return what a user is told about it.

        Parameters
        ----------
        unwanted
            Asked every half second: whether nobody waits for it any more.

        Raises
        ------
        InvalidInput
            If no data set can be built, or it is larger than the limits; the problem says why.
        BuildCancelled
            If it is not wanted any more: its process is killed, the folder is to be thrown away.
        BuildCrashed
            If the process ended without an answer.
        """
        _, expected = await asyncio.to_thread(planned_within, spec, series, self.limits)
        work = asyncio.create_task(self._work(spec, series, folder, large=expected.seconds > LARGE_SECONDS))
        stop = False
        try:
            while not (await asyncio.wait({work}, timeout=LOOK_EVERY))[0]:
                with suppress(Unavailable):  # the stores are away: nobody can say, so the work goes on
                    stop = await unwanted()
                if stop:
                    raise BuildCancelled("the data set is not built: nobody waits for it any more")
            return work.result()
        finally:
            if not work.done():
                await end(work)

    async def close(self) -> None:
        """End every process that waits for work."""
        for process in self._idle:
            await process.end()
        self._idle.clear()

    async def _work(
        self, spec: DatasetSpec, series: Mapping[str, Series], folder: Path, *, large: bool
    ) -> dict[str, JsonValue]:
        product, rows = folder / PRODUCT, folder / "rows"
        async with AsyncExitStack() as turn:
            if large:  # large ones wait for each other first, and leave one turn to small ones
                await turn.enter_async_context(self._large)
            await turn.enter_async_context(self._turns)
            process = await turn.enter_async_context(self._process(keep=not large))
            names = {series_id: rows / f"{n}.npz" for n, series_id in enumerate(series)}
            await asyncio.to_thread(_write_rows, {path: series[key] for key, path in names.items()})
            product.mkdir()
            order = Order(spec=spec, limits=self.limits, rows=names, folder=product)
            built = await process.build(order)
        if built.problem is not None:
            raise BuildRefused(built.problem)
        return built.report

    @asynccontextmanager
    async def _process(self, *, keep: bool) -> AsyncIterator[BuilderProcess]:
        """Yield a process that is warm, or a new one; what did not end well is killed, as is its memory."""
        process = None
        while self._idle and process is None:
            found = self._idle.pop()
            process = found if found.is_alive else None
        process = process or await BuilderProcess.start()
        done = False
        try:
            yield process
            done = keep and process.is_alive
        finally:
            if done:
                self._idle.append(process)
            else:
                await asyncio.shield(process.end())


def _write_rows(rows: Mapping[Path, Series]) -> None:
    for path, series in rows.items():
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            np.savez(file, **series.to_arrays())  # type: ignore[arg-type]  # names of arrays, not options
