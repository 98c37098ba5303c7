"""Serves the page and the description of the API; neither needs anything from elsewhere.

The built page (``dist``, made by ``make page``) is served where there is one; where it could not be
built, the plain page is, which says so.
"""

from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from services.gateway.settings import GatewaySettings

PLAIN = Path(__file__).parent / "plain"
BUILT = Path(__file__).parent / "dist"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


class HashedFiles(StaticFiles):
    """Files whose names change with their content: a browser asks for each once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file that may be kept for ever."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = _FOR_EVER
        return response


def add_page(app: FastAPI, settings: GatewaySettings) -> None:
    """Serve the page at ``/`` and the API's at ``/docs``, after every other route."""
    folder = settings.gateway_web_dir or BUILT

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(PLAIN / "docs.html")

    @app.get("/plain", include_in_schema=False)
    async def plain_without_slash() -> RedirectResponse:
        return RedirectResponse("/plain/")

    app.mount("/plain", StaticFiles(directory=PLAIN, html=True), name="plain")
    if not (folder / "index.html").exists():
        app.mount("/", StaticFiles(directory=PLAIN, html=True), name="page")
        return
    _add_built(app, folder)


def _add_built(app: FastAPI, folder: Path) -> None:
    """Serve the built page: hashed files for ever, its screens' addresses with the one document."""
    if (folder / "assets").is_dir():
        app.mount("/assets", HashedFiles(directory=folder / "assets"), name="assets")
    files = {file.name for file in folder.iterdir() if file.is_file()}

    @app.get("/{path:path}", include_in_schema=False)
    async def screen(path: str, request: Request) -> Response:
        if path == "" and "session" in request.query_params:  # addresses of the plain page
            return RedirectResponse(f"/s/{request.query_params['session']}/data")
        if path in files:
            return FileResponse(folder / path, headers={"cache-control": _ASK_AGAIN})
        if (PLAIN / path).is_file() and "/" not in path:  # what the API's description is made of
            return FileResponse(PLAIN / path, headers={"cache-control": _ASK_AGAIN})
        if path.startswith(("api/", "ws/")) or "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(404)
        return FileResponse(folder / "index.html", headers={"cache-control": _ASK_AGAIN})
