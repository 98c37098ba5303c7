"""The process a data set is built in: one order after another from standard input, until its parent ends."""

import argparse
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from services.datasets.core.artefact import build_artefact
from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec
from shared.errors import InvalidInput, ResourceExhausted
from shared.runtime.parent import die_with_parent
from shared.series.series import Series
from shared.windows.size_estimate import Limits


class Order(BaseModel):
    """What is to be built, from the rows of which files, into which empty folder."""

    model_config = ConfigDict(frozen=True)

    spec: DatasetSpec
    limits: Limits
    rows: dict[str, Path]
    folder: Path


class Built(BaseModel):
    """What a user is told about the data set, or why there is none."""

    model_config = ConfigDict(frozen=True)

    report: dict[str, JsonValue] = {}
    problem: Problem | None = None


def build(order: Order) -> Built:
    """Build one data set; what cannot be built is an answer, too."""
    try:
        series = {series_id: Series.open(path) for series_id, path in order.rows.items()}
        return Built(report=build_artefact(order.spec, series, order.folder, limits=order.limits))
    except InvalidInput as error:
        return Built(problem=error.problem())
    except MemoryError:
        exhausted = ResourceExhausted(
            "the memory of this machine did not suffice for the data set",
            suggestions=("Use fewer steps, fewer series or a larger stride.",),
        )
        return Built(problem=exhausted.problem())


def main() -> None:
    """Answer each line with a line, on a pipe of its own: libraries print to the standard streams."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--parent", type=int, required=True, help="process to die with")
    arguments.add_argument("--answers", type=int, required=True, help="file descriptor to answer to")
    given = arguments.parse_args()
    die_with_parent(given.parent, signal.SIGKILL)
    os.set_inheritable(given.answers, False)
    with suppress(OSError):  # if memory runs out, the kernel shall end the build and not our parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    with os.fdopen(given.answers, "w", encoding="utf-8") as answers:
        for line in sys.stdin:
            answers.write(build(Order.model_validate_json(line)).model_dump_json() + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
