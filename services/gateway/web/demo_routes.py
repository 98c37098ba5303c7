"""Data to try the page with, where the package that carries them is installed."""

import asyncio
from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway.context import Who
from services.gateway.http.wire import Answer
from shared.demo_data import Story, flight_files

router = APIRouter(tags=["sessions"])


class DemoCsv(BaseModel):
    """One file, to be uploaded like any other."""

    name: str
    content: str


class Demo(Answer):
    """A year of a real series with its weather, and how it is read."""

    source: str
    target: str
    timezone: str
    country: str
    subdivision: str
    files: list[DemoCsv]


@router.get("/demo")
async def demo(_who: Who) -> Demo:
    """Return the files of the demonstration, the series to forecast first."""
    files = await asyncio.to_thread(flight_files)
    told = [DemoCsv(name=file.name, content=file.content.decode()) for file in files]
    return Demo(**asdict(Story()), files=told)
