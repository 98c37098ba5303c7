"""Pictures, scalings and arrays of a session's data sets and runs."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field, JsonValue

from services.gateway.context import Gateway, Here, Session, Who, find_session
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, SessionId, Wire, YesNo, spelled
from services.gateway.problems import NothingThere
from services.gateway.results.routes import API, RunId, stored_file
from services.gateway.runs.lifecycle import find_run, newest_dataset
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import DatasetRow, PlotRow, ScalerRow, SessionRow

router = APIRouter(tags=["plots and data"], route_class=IdempotentRoute)


@router.get("/visualizations/{sid}")
async def visualizations(
    sid: str,
    gateway: Here,
    session: Session,
    run_id: RunId = None,
    inline: Annotated[bool, Query(description="whether to send the PNGs along")] = True,
) -> Answer:
    """Return the pictures of a run, by name."""
    run = await find_run(gateway, session, run_id)
    rows = await gateway.records.select(PlotRow, {"run_id": run.id}, order="name")
    pictures = [row for row in rows if row.object_key.endswith(".png")]
    plots = {row.name: await _picture(gateway, sid, row, inline=inline) for row in pictures}
    return Answer(run_id=run.id, plots=plots, visualizations=plots, count=len(plots))


async def _picture(gateway: Gateway, sid: str, row: PlotRow, *, inline: bool) -> dict[str, Any]:
    told = {"type": row.kind, "label": row.name, "job_id": row.job_id, "link": f"{API}/plot/{sid}/{row.id}"}
    if not inline:
        return told
    try:
        png = await gateway.objects.get(row.object_key)
    except ObjectNotFound:
        return told | {"data": None}
    return told | {"data": f"data:image/png;base64,{base64.b64encode(png).decode()}"}


@router.get("/plot/{sid}/{plot_id}", response_class=StreamingResponse)
async def plot(
    plot_id: str, gateway: Here, session: Session, format: Literal["png", "json"] = "png"
) -> StreamingResponse:
    """Return one picture, or the numbers in it."""
    row = await gateway.records.get(PlotRow, plot_id)
    if row is None or row.session_id != session.id:
        raise NothingThere("there is no such plot", plot_id=plot_id[:64])
    key = row.object_key.rsplit(".", 1)[0] + f".{format}"
    media = "image/png" if format == "png" else "application/json"
    return await stored_file(gateway, key, f"plot.{format}", media)


@router.get("/plot-variables/{sid}")
async def plot_variables(gateway: Here, session: Session) -> Answer:
    """Return what can be plotted."""
    dataset = await _dataset(gateway, session)
    return Answer(
        input_variables=[series.name for series in dataset.spec.inputs],
        output_variables=[series.name for series in dataset.spec.outputs],
        time_components=[name for name, _ in dataset.spec.calendar.enabled()],
    )


class PlotSettings(Wire):
    """What a forecast plot shows."""

    num_sbpl: int = Field(1, ge=1, le=100, description="how many test windows")
    x_sbpl: Literal["UTC", "ts"] = "UTC"
    y_sbpl_fmt: Literal["original", "skaliert"] = "original"
    y_sbpl_set: Literal["separate Achsen", "gemeinsame Achse"] = "separate Achsen"
    df_plot_in: dict[str, YesNo] = {}
    df_plot_out: dict[str, YesNo] = {}
    df_plot_fcst: dict[str, YesNo] = {}
    model_id: str | None = Field(None, validation_alias=spelled("model_id", "modelId", "job_id"))
    seed: int | None = Field(None, ge=0, lt=2**32)
    format: Literal["png", "json"] = "png"

    def in_our_words(self) -> dict[str, JsonValue]:
        """Return the question the evaluator understands."""
        return {
            "job_id": self.model_id,
            "n_windows": self.num_sbpl,
            "x": "utc" if self.x_sbpl == "UTC" else "step",
            "scaled": self.y_sbpl_fmt == "skaliert",
            "shared_axis": self.y_sbpl_set == "gemeinsame Achse",
            "inputs": [name for name, wanted in self.df_plot_in.items() if wanted],
            "outputs": [name for name, wanted in self.df_plot_out.items() if wanted],
            "forecasts": [name for name, wanted in self.df_plot_fcst.items() if wanted],
            "seed": self.seed or 0,
            "format": self.format,
        }


class GeneratePlot(Wire):
    """A forecast plot to be drawn."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    plot_settings: PlotSettings = Field(
        PlotSettings(), validation_alias=spelled("plot_settings", "plotSettings")
    )
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))


@router.post("/generate-plot")
async def generate_plot(body: GeneratePlot, gateway: Here, who: Who) -> Answer:
    """Draw chosen or random test windows: inputs, outputs and forecasts."""
    session = await find_session(gateway, who, body.session_id)
    run = await find_run(gateway, session, body.run_id)
    about = {"session_id": session.id, "run_id": run.id, **body.plot_settings.in_our_words()}
    drawn: dict[str, Any] = await gateway.asks.ask("evaluator.plot", about)
    return Answer(run_id=run.id, **drawn)


class ScaleData(Wire):
    """Numbers to be scaled with the scalers of a data set."""

    data: dict[str, list[float | None]] = Field(
        validation_alias=spelled("data", "input_data"), description="values by series name"
    )
    inverse: bool = False


@router.get("/scalers/{sid}")
async def scalers(gateway: Here, session: Session) -> Answer:
    """Return the fitted scalings of the newest data set as plain numbers."""
    dataset, found = await _scalers(gateway, session)
    return Answer(dataset_id=dataset.id, scalers=found, data=found)


@router.get("/scalers/{sid}/download", response_class=Response)
async def download_scalers(gateway: Here, session: Session) -> Response:
    """Return the same as a file."""
    dataset, found = await _scalers(gateway, session)
    headers = {"content-disposition": f'attachment; filename="scalers-{dataset.id[:8]}.json"'}
    return JSONResponse({"dataset_id": dataset.id, "scalers": found}, headers=headers)


async def _scalers(gateway: Gateway, session: SessionRow) -> tuple[DatasetRow, Any]:
    """Return the scalings as the ledger has them; the data set service reads them from the arrays else."""
    dataset = await _dataset(gateway, session)
    rows = await gateway.records.select(ScalerRow, {"dataset_id": dataset.id}, order="position")
    if rows:
        return dataset, [
            {"role": row.role, "position": row.position, "name": row.name, **row.parameters} for row in rows
        ]
    result = await gateway.asks.ask("datasets.scalers", _about(session, dataset))
    return dataset, result["scalers"]


@router.post("/scale-data/{sid}")
async def scale_data(body: ScaleData, gateway: Here, session: Session) -> Answer:
    """Return numbers scaled with the newest data set's scalers, or back in their units."""
    dataset = await _dataset(gateway, session)
    about = {**_about(session, dataset), "inverse": body.inverse}
    values: dict[str, JsonValue] = {name: list(column) for name, column in body.data.items()}
    return Answer(dataset_id=dataset.id, **await gateway.asks.ask("datasets.scale", about | {"data": values}))


@router.get("/download-arrays/{sid}", response_class=StreamingResponse)
async def download_arrays(gateway: Here, session: Session) -> StreamingResponse:
    """Return the windows of the newest data set as NumPy arrays (npz)."""
    dataset = await _dataset(gateway, session)
    result = await gateway.asks.ask("datasets.arrays", _about(session, dataset))
    return await stored_file(
        gateway, str(result["key"]), f"arrays-{dataset.id[:8]}.npz", "application/octet-stream"
    )


def _about(session: SessionRow, dataset: DatasetRow) -> dict[str, JsonValue]:
    return {"session_id": session.id, "dataset_id": dataset.id}


async def _dataset(gateway: Gateway, session: SessionRow) -> DatasetRow:
    dataset = await newest_dataset(gateway, session, of=("ready",))
    if dataset is None:
        raise NothingThere("the session has no finished data set yet")
    return dataset
