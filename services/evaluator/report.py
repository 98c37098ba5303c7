"""What a closed run leaves for people: tables, plots, one archive."""

import asyncio

from pydantic import JsonValue

from services.evaluator.ports import RunState
from shared.storage import places
from shared.storage.codecs import json_to_bytes
from shared.storage.connect import Storage
from shared.storage.rows import RunRow


class Reporter:
    """Writes the report of a closed run; writing it again leaves the same."""

    def __init__(self, storage: Storage) -> None:
        self._objects = storage.objects

    async def report(self, run: RunRow, state: RunState) -> None:
        """Store the leaderboard and the scores of every model."""
        key = places.run(run.session_id, run.id)
        scores: JsonValue = {
            job.label: dict(state.results[job.id].scores) for job in state.jobs if job.id in state.results
        }
        content = await asyncio.to_thread(json_to_bytes, {"leaderboard": run.verdict, "scores": scores})
        await self._objects.put(f"{key}/metrics.json", content)
