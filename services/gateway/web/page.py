"""Serves the page: the built one where there is one, the plain one otherwise."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from services.gateway.settings import GatewaySettings

PLAIN = Path(__file__).parent / "plain"


def add_page(app: FastAPI, settings: GatewaySettings) -> None:
    """Serve the page at ``/``, after every other route."""
    app.mount("/", StaticFiles(directory=settings.gateway_web_dir or PLAIN, html=True), name="page")
