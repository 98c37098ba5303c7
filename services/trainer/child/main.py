"""The child process: loads the libraries once, then does one task after another until its parent ends."""

import argparse
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO, assert_never

from pydantic import TypeAdapter

from services.trainer.child import forecasting, tasks
from services.trainer.child.protocol import (
    SIGNS_OF_NO_MEMORY,
    BackcastTask,
    ExplainTask,
    ExportTask,
    ForecastTask,
    PredictTask,
    ProgressLine,
    Ready,
    Rejected,
    Reply,
    Task,
    TrainTask,
)
from services.trainer.core.kinds import KINDS
from services.trainer.core.model import Progress
from shared.contracts.events import EpochLoss
from shared.errors import InternalError, InvalidInput, ResourceExhausted
from shared.runtime.parent import die_with_parent

PROGRESS_EVERY = 0.5  # seconds: batches end much faster
TASK: TypeAdapter[Task] = TypeAdapter(Task)


@dataclass(eq=False)
class Reports:
    """Lines to the parent; a pipe of their own, because libraries print to the standard streams."""

    _pipe: TextIO
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, reply: Reply) -> None:
        """Write one line."""
        with self._lock:
            self._pipe.write(reply.model_dump_json() + "\n")
            self._pipe.flush()


@dataclass(eq=False)
class ProgressLines:
    """Progress of one task as lines to the parent: the first, the last, and between them two a second."""

    _reports: Reports
    _next: float = 0.0
    _newest_epoch: int = 0
    _curve: list[EpochLoss] = field(default_factory=list)  # what ended since the last line

    def __call__(self, progress: Progress) -> None:
        """Write progress unless the last line was a moment ago; no epoch is lost in between."""
        now = time.monotonic()
        epoch, loss, val_loss = progress.epoch, progress.loss, progress.val_loss
        if epoch and epoch > self._newest_epoch and loss is not None and val_loss is not None:
            self._newest_epoch = epoch
            self._curve.append(EpochLoss(epoch=epoch, loss=loss, val_loss=val_loss))
        if now >= self._next or progress.fraction >= 1.0:
            self._next = now + PROGRESS_EVERY
            self._reports.write(ProgressLine(progress=replace(progress, curve=tuple(self._curve))))
            self._curve.clear()


def answer(task: Task, reports: Reports) -> Reply:
    """Do a task; what cannot be done is an answer too."""
    try:
        match task:
            case TrainTask():
                return tasks.train(task, ProgressLines(reports))
            case PredictTask():
                return tasks.predict(task)
            case ExportTask():
                return tasks.export(task)
            case ExplainTask():
                return tasks.explain(task)
            case ForecastTask():
                return forecasting.forecast(task)
            case BackcastTask():
                return forecasting.backcast(task)
            case _:
                assert_never(task)
    except InvalidInput as error:
        return Rejected(problem=error.problem())
    except MemoryError:
        return _without_memory()
    except Exception:  # noqa: BLE001  # a mistake of ours ends the task, once, and not the process
        trace = traceback.format_exc()
        if any(sign in trace for sign in SIGNS_OF_NO_MEMORY):  # a library's own word for it
            return _without_memory()
        return Rejected(problem=InternalError("the task ended with an error of ours").problem(), trace=trace)


def _without_memory() -> Rejected:
    exhausted = ResourceExhausted(
        "the memory of this machine did not suffice for the model",
        suggestions=("Choose fewer input steps, output steps or units, or a smaller batch.",),
    )
    return Rejected(problem=exhausted.problem(), exhausted=True)


def load_libraries(kinds: Collection[str], reports: Reports) -> None:
    """Import what some kinds need for seconds, beside the first tasks: the other kinds do not wait for it.

    At the priority of the tasks: a fit of such a kind waits for these imports, and behind busy processes a
    lower one would keep it waiting for minutes.
    """
    for name, kind in KINDS.items():
        if name in kinds and kind.slow_import:
            importlib.import_module(kind.slow_import)
    reports.write(Ready())


def main() -> None:
    """Read tasks from standard input, one JSON line each."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--parent", type=int, required=True, help="process to die with")
    arguments.add_argument("--reports", type=int, required=True, help="file descriptor to report to")
    arguments.add_argument("--nice", type=int, default=0, help="how far to give way to others")
    arguments.add_argument("--warm-for", nargs="*", default=[], help="load at once what these kinds need")
    given = arguments.parse_args()
    die_with_parent(given.parent, signal.SIGKILL)
    os.nice(given.nice)  # before there are threads: each has its own
    os.set_inheritable(given.reports, False)
    with suppress(OSError):  # if memory runs out, the kernel shall end the fit and not our parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    with os.fdopen(given.reports, "w", encoding="utf-8") as pipe:
        reports = Reports(pipe)
        loading = (given.warm_for, reports)
        threading.Thread(target=load_libraries, args=loading, daemon=True).start()
        for line in sys.stdin:
            reports.write(answer(TASK.validate_json(line), reports))


if __name__ == "__main__":
    main()
