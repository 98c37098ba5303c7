"""Whether the gateway lives and is ready; metrics for a single user on this machine and nobody else."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from services.gateway.http.local_metrics import LocalMetrics
from services.gateway.problems import NothingThere
from shared.runtime.health import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "alive", "service": "gateway"}


class Readiness(BaseModel):
    """Whether everything answers, and each part by name."""

    model_config = ConfigDict(extra="allow")

    ready: bool


@router.get(
    "/readyz", response_model=Readiness, responses={503: {"description": "something is away; each is named"}}
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
