"""Whether the gateway lives, is ready, and how it fares."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request

from shared.runtime.health import Check, readiness

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "alive", "service": "gateway"}


@router.get("/readyz", responses={503: {"description": "something is away; each is named"}})
async def readyz(request: Request) -> JSONResponse:
    """Tell whether broker and stores answer."""
    checks: dict[str, Check] = request.app.state.checks
    ready, states = await readiness(checks)
    return JSONResponse({"ready": ready, **states}, 200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the counters of this process for Prometheus."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
