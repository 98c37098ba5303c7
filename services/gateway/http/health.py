"""Whether the gateway lives and is ready, for whoever reaches its public port; metrics are not told there."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from shared.runtime.health import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "alive", "service": "gateway"}


@router.get("/readyz", responses={503: {"description": "something is away; each is named"}})
async def readyz(request: Request) -> JSONResponse:
    """Tell whether broker and stores answer."""
    health: Health = request.app.state.health
    ready, states = await health.ready()
    return JSONResponse({"ready": ready, **states}, 200 if ready else 503)
