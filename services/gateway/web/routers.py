"""The paths a page is made of, each with the room it belongs to."""

from fastapi import APIRouter

from services.gateway.datasets import preview_routes
from services.gateway.results import forecast_routes
from services.gateway.runs import history_routes
from services.gateway.sessions import draft_routes, overview_routes
from services.gateway.web import demo_routes

PAGE_ROUTERS: tuple[APIRouter, ...] = (
    overview_routes.router,
    draft_routes.router,
    preview_routes.router,
    history_routes.router,
    forecast_routes.router,
    demo_routes.router,
)
