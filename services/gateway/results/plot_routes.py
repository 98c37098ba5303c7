"""Pictures, scalings and arrays of a session's data sets and runs."""

import base64
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from services.gateway.context import (
    ObjectsDep,
    RecordsDep,
    Session,
    Who,
    WorkersDep,
    find_session,
)
from services.gateway.datasets.violins import violin_plots
from services.gateway.datasets.wire import OptionalText, columns_named, short_name
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import (
    Answer,
    Earlier,
    EarlierAnswer,
    Maybe,
    SessionId,
    YesNo,
    remarks,
    spelled,
)
from services.gateway.problems import NoPictures, NothingThere
from services.gateway.results.data_routes import built_dataset
from services.gateway.results.routes import API, RunId, stored_file
from services.gateway.runs.lifecycle import find_finished_run
from shared.contracts.specs import column_names
from shared.storage.objects import ObjectNotFound, Objects
from shared.storage.rows import DatasetRow, PlotRow
from shared.storage.verified import get_verified

FOR_EVER = "private, max-age=31536000, immutable"
router = APIRouter(tags=["plots and data"], route_class=IdempotentRoute)


class Picture(BaseModel):
    """A picture, inline or by its link."""

    type: str
    label: str
    job_id: str | None = None
    name: str | None = None
    link: str | None = Field(None, description="PNG; ?theme=dark for dark pages, ?format=json for numbers")
    data: str | None = Field(None, description="data URL of the PNG; left out with inline=false")


class Visualizations(Answer):
    """The pictures of a run by name; ``plots`` and ``visualizations`` are the same."""

    session_id: str
    run_id: str
    plots: dict[str, Picture]
    visualizations: dict[str, Picture]
    count: int
    metadata: dict[str, JsonValue]
    created_at: AwareDatetime
    n_dat: int | None
    message: str


class PlotVariables(Answer):
    """What can be ticked in a plot."""

    session_id: str
    input_variables: list[str]
    output_variables: list[str]
    time_components: list[str] = Field(description="calendar columns: Y_sin .. H")


class Drawn(EarlierAnswer):
    """A plot that was asked for."""

    session_id: str
    run_id: str
    plot_data: JsonValue = Field(description="data URL of the PNG, or with format=json the numbers in it")
    plot: JsonValue = Field(description="the same")
    seed: int
    message: str


@router.get("/visualizations/{sid}")
async def visualizations(
    sid: str,
    records: RecordsDep,
    objects: ObjectsDep,
    session: Session,
    run_id: RunId = None,
    inline: Annotated[bool, Query(description="whether to send the PNGs along")] = True,
) -> Visualizations:
    """Return the pictures of a run and the violins of its data set, by name; 404 where there are none yet."""
    run = await find_finished_run(records, session, run_id)
    rows = await records.select(PlotRow, {"run_id": run.id}, order="name")
    drawn = rows if run.reported else []  # until then there are rows, but not yet the pictures
    pictures = [row for row in drawn if row.object_key.endswith(".png") and not row.name.endswith(".dark")]
    plots = {row.name: await _picture(objects, sid, row, inline=inline) for row in pictures}
    dataset = await records.get(DatasetRow, run.dataset_id)
    for name, told in (await violin_plots(objects, [dataset])).items() if dataset and inline else ():
        plots[name] = Picture.model_validate({**told, "type": "violin"})
    if not plots:
        raise NoPictures("there are no pictures of this run yet", run_id=run.id)
    n_windows = dataset.report.get("n_windows") if dataset else None
    return Visualizations(
        session_id=sid,
        run_id=run.id,
        plots=plots,
        visualizations=plots,
        count=len(plots),
        metadata={"run_status": run.status, "reported": run.reported, "dataset_id": run.dataset_id},
        created_at=max([run.created_at, *(row.created_at for row in rows)]),
        n_dat=n_windows if isinstance(n_windows, int) else None,
        message=f"{len(plots)} pictures",
    )


async def _picture(objects: Objects, sid: str, row: PlotRow, *, inline: bool) -> Picture:
    told = Picture(type=row.kind, label=row.name, job_id=row.job_id, link=f"{API}/plot/{sid}/{row.id}")
    if not inline:
        return told
    try:
        png = await get_verified(objects, row.object_key, _digest_of(row, "png"))
    except ObjectNotFound:
        return told
    return told.model_copy(update={"data": f"data:image/png;base64,{base64.b64encode(png).decode()}"})


@router.get("/plot/{sid}/{plot_id}", response_class=StreamingResponse)
async def plot(
    plot_id: str,
    records: RecordsDep,
    objects: ObjectsDep,
    workers: WorkersDep,
    session: Session,
    format: Literal["png", "json"] = "png",
    theme: Literal["light", "dark"] = "light",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return one picture, for light or dark pages, or the numbers in it; it never changes."""
    row = await records.get(PlotRow, plot_id)
    if row is None or row.session_id != session.id:
        raise NothingThere("there is no such plot", plot_id=plot_id[:64])
    etag = f'"{row.id}-{theme if format == "png" else format}"'
    headers = {"etag": etag, "cache-control": FOR_EVER}
    if if_none_match == etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    key, sha256 = row.object_key.rsplit(".", 1)[0] + f".{format}", _digest_of(row, format)
    if format == "png" and theme == "dark" and row.run_id:
        about: dict[str, JsonValue] = {"session_id": session.id, "run_id": row.run_id, "name": row.name}
        drawn = await workers.ask("evaluator.picture", {**about, "theme": theme})
        key, sha256 = str(drawn["key"]), drawn.get("sha256")
    media = "image/png" if format == "png" else "application/json"
    answer = await stored_file(objects, key, f"plot.{format}", media, sha256)
    answer.headers.update(headers)
    return answer


def _digest_of(row: PlotRow, suffix: str) -> str | None:
    digest = row.settings.get(suffix)
    return digest if isinstance(digest, str) else None


@router.get("/plot-variables/{sid}")
async def plot_variables(sid: str, records: RecordsDep, session: Session) -> PlotVariables:
    """Return what can be plotted."""
    dataset = await built_dataset(records, session)
    columns = [column for name, _ in dataset.spec.calendar.enabled() for column in column_names(name)]
    return PlotVariables(
        session_id=sid,
        input_variables=[series.name for series in dataset.spec.inputs],
        output_variables=[series.name for series in dataset.spec.outputs],
        time_components=[short_name(column) for column in columns],
    )


Chosen = dict[str, YesNo]
Wanted = Annotated[Chosen | None, Maybe]


class PlotSettings(Earlier):
    """What a forecast plot shows."""

    num_sbpl: Annotated[Annotated[int, Field(ge=1, le=100)] | None, Maybe] = Field(
        None, description="how many test windows; default 1, at most those there are"
    )
    x_sbpl: Annotated[Literal["UTC", "ts"] | None, Maybe] = Field(None, description="default UTC")
    y_sbpl_fmt: Annotated[Literal["original", "skaliert"] | None, Maybe] = Field(
        None, description="default original"
    )
    y_sbpl_set: Annotated[Literal["separate Achsen", "gemeinsame Achse"] | None, Maybe] = Field(
        None, description="default separate Achsen"
    )
    df_plot_in: Wanted = Field(None, description="inputs and calendar columns, by name")
    df_plot_out: Wanted = None
    df_plot_fcst: Wanted = None
    model_id: OptionalText = Field(None, validation_alias=spelled("model_id", "modelId", "job_id"))
    seed: Annotated[Annotated[int, Field(ge=0, lt=2**32)] | None, Maybe] = None
    format: Annotated[Literal["png", "json"] | None, Maybe] = None


def _chosen(ticked: Chosen | None) -> list[str]:
    return [name for name, wanted in (ticked or {}).items() if wanted]


class GeneratePlot(PlotSettings):
    """A forecast plot to be drawn; settings stand in ``plot_settings``, beside it, or in both."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    plot_settings: PlotSettings = Field(
        PlotSettings(), validation_alias=spelled("plot_settings", "plotSettings")
    )
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))

    def settings(self) -> PlotSettings:
        """Return the settings of both places; those inside count for more."""
        said = {name: getattr(self.plot_settings, name) for name in PlotSettings.model_fields}
        inside = {name: value for name, value in said.items() if value is not None}
        beside = {name: getattr(self, name) for name in PlotSettings.model_fields}
        return PlotSettings.model_validate({**beside, **inside})


@router.post("/generate-plot")
async def generate_plot(body: GeneratePlot, records: RecordsDep, workers: WorkersDep, who: Who) -> Drawn:
    """Draw chosen or random test windows: inputs, outputs and forecasts."""
    session = await find_session(records, who, body.session_id)
    run = await find_finished_run(records, session, body.run_id)
    settings = body.settings()
    # The question the evaluator understands.
    about: dict[str, JsonValue] = {
        "session_id": session.id,
        "run_id": run.id,
        "job_id": settings.model_id,
        "n_windows": settings.num_sbpl or 1,
        "x": "step" if settings.x_sbpl == "ts" else "utc",
        "scaled": settings.y_sbpl_fmt == "skaliert",
        "shared_axis": settings.y_sbpl_set == "gemeinsame Achse",
        "inputs": [column for name in _chosen(settings.df_plot_in) for column in columns_named(name)],
        "outputs": [*_chosen(settings.df_plot_out)],
        "forecasts": [*_chosen(settings.df_plot_fcst)],
        "seed": settings.seed or 0,
        "format": settings.format or "png",
    }
    drawn: dict[str, Any] = await workers.ask("evaluator.plot", about)
    picture = drawn.get("plot", drawn.get("data"))
    return Drawn(
        session_id=body.session_id,
        run_id=run.id,
        plot_data=picture,
        plot=picture,
        seed=settings.seed or 0,
        message="The plot is drawn",
        **{name: value for name, value in drawn.items() if name == "data"},
        **remarks(body),
    )
