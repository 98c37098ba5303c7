"""The rows of a run's pictures: there once the run is closed, before the pictures are drawn."""

from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from services.evaluator.core.run_data import slug
from shared.contracts.base import derive
from shared.contracts.problems import Problem
from shared.storage import keys
from shared.storage.records import Records
from shared.storage.rows import JobRow, PlotRow, RunRow
from shared.storage.verified import digest_in

OF_RUN = ("comparison", "error_by_step")
OF_MODEL = ("forecast", "error_by_hour", "residuals", "training_history")


def expected_plots(run: RunRow, jobs: Sequence[JobRow], scored: Collection[str]) -> list[PlotRow]:
    """Return a row per picture the report of a run will have; of a backtest, and without scores, none."""
    if run.backtest is not None or not scored:
        return []
    labels = [job.label for job in jobs if job.id in scored]
    folders = [f"{number:02d}-{slug(label)}" for number, label in enumerate(labels, start=1)]
    names = [*OF_RUN, *(f"{folder}/{plot}" for folder in folders for plot in OF_MODEL)]
    return [plot_row(run, f"plots/{name}.png", {}) for name in names]


async def give_up_report(records: Records, run: RunRow, problem: Problem) -> None:
    """Keep why a run has no report, and remove the rows of pictures that will never be."""
    await records.update(
        RunRow, run.id, {"verdict": {**run.verdict, "report_problem": problem.model_dump(mode="json")}}
    )
    await records.delete(PlotRow, {"run_id": run.id})


def plot_row(run: RunRow, path: str, files: Mapping[str, JsonValue]) -> PlotRow:
    """Return the row of a picture, ``plots/<name>.png`` or ``plots/<model>/<name>.png``.

    ``files`` are the stored files of the report, by path; empty while it is written.
    """
    name = path.removeprefix("plots/").removesuffix(".png")
    return PlotRow(
        id=derive("plot", run.id, path),
        owner=run.owner,
        session_id=run.session_id,
        run_id=run.id,
        name=name,
        kind=name.rsplit("/", 1)[-1].removesuffix(".dark"),
        object_key=f"{keys.run(run.session_id, run.id)}/{path}",
        settings={
            suffix: digest_in(files, path.removesuffix(".png") + f".{suffix}")
            for suffix in ("png", "json")
            if files
        },
    )
