"""Serves the page and the description of the API; neither needs anything from elsewhere."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from services.gateway.settings import GatewaySettings

PLAIN = Path(__file__).parent / "plain"


def add_page(app: FastAPI, settings: GatewaySettings) -> None:
    """Serve the page at ``/`` and the API's at ``/docs``, after every other route."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(PLAIN / "docs.html")

    app.mount("/", StaticFiles(directory=settings.gateway_web_dir or PLAIN, html=True), name="page")
