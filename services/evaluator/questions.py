"""Plots on request: what the gateway asks, and the picture or the numbers it gets."""

import asyncio
import base64
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.evaluator.core.figures.custom import PlotRequest, custom_figure
from services.evaluator.core.figures.render import render, to_json
from services.evaluator.core.problems import PlotNotFound
from services.evaluator.ports import Results
from services.evaluator.report import ReportWriter
from shared.errors import ModelNotFound
from shared.scoring.forecasts import PartForecast
from shared.storage.rows import JobRow
from shared.windows.dataset import Dataset

Json = dict[str, JsonValue]


class PlotQuestion(BaseModel):
    """A forecast plot somebody wants: which windows and variables, on which axes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    run_id: str
    job_id: str | None = None
    n_windows: int = 1
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    forecasts: tuple[str, ...] = ()
    x: Literal["utc", "step"] = "utc"
    scaled: bool = False
    shared_axis: bool = False
    seed: int = 0
    format: Literal["png", "json"] = "png"

    def request(self) -> PlotRequest:
        """Return what the figure is told."""
        return PlotRequest(
            n_windows=self.n_windows,
            inputs=self.inputs,
            outputs=self.outputs,
            forecasts=self.forecasts,
            x=self.x,
            scaled=self.scaled,
            shared_axis=self.shared_axis,
            seed=self.seed,
        )


class PictureQuestion(BaseModel):
    """A plot of a run's report in a theme; light ones are there, others are drawn when first asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    run_id: str
    name: str = Field(pattern=r"^[a-z0-9_-]+(/[a-z0-9_-]+)?$", max_length=200)
    theme: Literal["light", "dark"] = "dark"


async def picture(question: PictureQuestion, results: Results, reporter: ReportWriter) -> Json:
    """Return key and digest of a stored picture.

    Raises
    ------
    PlotNotFound
        If the run, or its plot of that name, is not there.
    """
    run = await results.run(question.run_id)
    if run is None or run.session_id != question.session_id:
        raise PlotNotFound("the run has no such plot", name=question.name[:100])
    key, sha256 = await reporter.picture(run, question.name, question.theme)
    return {"key": key, "sha256": sha256}


async def draw_plot(question: PlotQuestion, results: Results) -> Json:
    """Return the picture as a data URL, or the numbers in it.

    Without named variables all outputs are drawn, with their forecasts.

    Raises
    ------
    ModelNotFound
        If the run or the model is not there.
    """
    run = await results.run(question.run_id)
    job = await results.job(question.job_id or (run.best_job_id if run else None) or "")
    mine = run is not None and job is not None and run.session_id == job.session_id == question.session_id
    if not mine or job is None or job.status != "finished":
        raise ModelNotFound("there is no such finished model", run_id=question.run_id)
    dataset, forecast = await results.dataset(job), await results.forecast(job)
    return await asyncio.to_thread(_drawn, question, job, dataset, forecast.test)


def _drawn(question: PlotQuestion, job: JobRow, dataset: Dataset, forecast: PartForecast) -> Json:
    layout = dataset.layout
    request = question.request()
    if not (request.inputs or request.outputs or request.forecasts):
        names = tuple(column.name for column in layout.outputs)
        request = replace(request, outputs=names, forecasts=names)
    figure = custom_figure(
        f"{job.label}: chosen test windows",
        request,
        test=dataset.part("test"),
        layout=layout,
        forecast=forecast,
    )
    if question.format == "json":
        return {"data": to_json(figure)}
    picture = base64.b64encode(render(figure)).decode()
    return {"plot": f"data:image/png;base64,{picture}", "seed": question.seed}
