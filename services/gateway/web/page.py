"""Serves the page and the description of the API; neither needs anything from elsewhere.

The built page (``dist``, made by ``make page``) is served where there is one; where it could not be
built, the plain page is, which says so.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from services.gateway.settings import GatewaySettings

PLAIN = Path(__file__).parent / "plain"
BUILT = Path(__file__).parent / "dist"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_NO_SCREENS = ("api/", "ws/", "assets/")


class Screens(StaticFiles):
    """The built page: hashed files for ever, and every address of a screen with the one document."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the document for what a browser opens."""
        session = QueryParams(scope["query_string"]).get("session", "")
        if path == "." and session.replace("-", "").replace("_", "").isalnum():
            return RedirectResponse(f"/s/{session}/data")  # an address of the plain page
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            wants_page = "text/html" in Headers(scope=scope).get("accept", "")
            if error.status_code != 404 or not wants_page or path.startswith(_NO_SCREENS):
                raise
            response = await super().get_response("index.html", scope)
        kept = path.startswith("assets/") and response.status_code == 200
        response.headers["cache-control"] = _FOR_EVER if kept else _ASK_AGAIN
        return response


def add_page(app: FastAPI, settings: GatewaySettings) -> None:
    """Serve the page at ``/`` and the API's at ``/docs``, after every other route."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(PLAIN / "docs.html")

    folder = settings.gateway_web_dir or BUILT
    app.mount("/plain", StaticFiles(directory=PLAIN, html=True), name="plain")
    if (folder / "index.html").exists():
        app.mount("/", Screens(directory=folder, html=True), name="page")
    else:
        app.mount("/", StaticFiles(directory=PLAIN, html=True), name="page")
