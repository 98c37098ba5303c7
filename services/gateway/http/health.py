"""Whether the gateway lives and is ready; metrics for a single user on this machine and nobody else."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from services.gateway.http.local_metrics import LocalMetrics
from services.gateway.problems import NothingThere
from shared.runtime.health import Health

router = APIRouter(tags=["health"])


class Lives(BaseModel):
    """That the process lives."""

    status: Literal["alive"] = "alive"
    service: str = "gateway"


class Ready(BaseModel):
    """Whether everything answers, and for each part ``ok`` or what is wrong with it."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    ready: bool


@router.get("/healthz")
async def healthz() -> Lives:
    """Tell that the process lives."""
    return Lives()


@router.get(
    "/readyz",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "something is away; each is named"}},
)
async def readyz(request: Request) -> JSONResponse:
    """Tell whether broker and stores answer."""
    health: Health = request.app.state.health
    ready, states = await health.ready()
    return JSONResponse({"ready": ready, **states}, 200 if ready else 503)


@router.get("/metrics", response_class=Response, responses={404: {"description": "told on the health port"}})
async def metrics(request: Request) -> Response:
    """Return the metrics of every process of a single user's platform, in Prometheus' text format."""
    local: LocalMetrics = request.app.state.local_metrics
    if not local.told:
        raise NothingThere("metrics are told on the health port of every process, not here")
    return Response(await local.text(), media_type=CONTENT_TYPE_LATEST)
