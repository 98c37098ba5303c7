"""The earlier frontend, as far as the wire sees it: its paths, bodies and names, and nothing of ours."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import pi, sin
from typing import Any

import httpx

Json = dict[str, Any]
TIME_INFO: Json = {
    "jahr": False, "monat": False, "woche": True, "tag": True, "feiertag": True, "zeitzone": "Europe/Vienna",
    "category_data": {
        name: {
            "datenform": "Zeithorizont", "zeithorizontStart": "-24", "zeithorizontEnd": "0",
            "detaillierteBerechnung": name == "tag", "skalierung": "ja", "skalierungMax": "1",
            "skalierungMin": "0", **({"land": "Österreich"} if name == "feiertag" else {}),
        }
        for name in ("jahr", "monat", "woche", "tag", "feiertag")
    },
}  # fmt: skip
STEPS = {"eingabe": "25", "ausgabe": "13", "zeitschrittweite": "180", "offset": "0"}
SPLIT = {
    "trainPercentage": 70, "valPercentage": 20, "testPercentage": 10, "shuffle": False, "random_dat": False,
}  # fmt: skip


def csv_file(days: int = 40, minutes: int = 60) -> bytes:
    """Return a series as the earlier frontend uploads it."""
    start = datetime(2024, 1, 1)
    rows = ["UTC;load [kW]"]
    for n in range(days * 24 * 60 // minutes):
        value = 100 + 30 * sin(2 * pi * n * minutes / 1440) + (n * 7919 % 97) / 20
        rows.append(f"{start + timedelta(minutes=n * minutes):%Y-%m-%d %H:%M:%S};{value:.3f}")
    return ("\n".join(rows) + "\n").encode()


def file_record(role: str, name: str, file: str, horizon: tuple[int, int]) -> Json:
    """Return a file record with every key the frontend keeps, numbers as text."""
    return {
        "id": str(uuid.uuid4()), "fileName": file, "bezeichnung": name, "type": role,
        "utcMin": "2024-01-01T00:00:00.000Z", "utcMax": "2024-02-09T23:00:00.000Z", "zeitschrittweite": "60",
        "zeitschrittweiteAvgValue": "60", "zeitschrittweiteMinValue": "60", "offset": "0", "min": "50",
        "max": "150", "datenpunkte": "960", "numerischeDatenpunkte": "960", "numerischerAnteil": "100",
        "datenform": "Historische Daten", "zeithorizontStart": str(horizon[0]),
        "zeithorizontEnd": str(horizon[1]), "datenanpassung": "Lineare Interpolation",
        "zeitschrittweiteTransferiertenDaten": "60", "offsetTransferiertenDaten": "0",
        "mittelwertbildungÜberDenZeithorizont": "nein", "skalierung": "ja", "skalierungMax": "1",
        "skalierungMin": "0", "storagePath": "",
    }  # fmt: skip


def model_parameters(mode: str, **more: str) -> Json:
    """Return what comes with every request to train, whatever the model."""
    return {
        "MODE": mode, "LAY": "1", "N": "8", "EP": "3", "ACTF": "ReLU", "K": "3", "KERNEL": "rbf", "C": "1",
        "EPSILON": "0.1", "N_ESTIMATORS": "100", "LEARNING_RATE": "0.1", "MAX_DEPTH": "-1", **more,
    }  # fmt: skip


class Frontend:
    """One browser tab with one session."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.session_id = f"test_session_{uuid.uuid4().int % 10**12}"

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask a path of the session."""
        return await self._http.get(f"/api/training/{path}/{self.session_id}", params=query)

    async def post(self, path: str, body: Json | None = None, **query: Any) -> httpx.Response:
        """Send JSON to a path of the session."""
        return await self._http.post(f"/api/training/{path}/{self.session_id}", json=body or {}, params=query)

    async def say(self, path: str, body: Json) -> httpx.Response:
        """Send JSON to a path that reads the session from the body."""
        return await self._http.post(f"/api/training/{path}", json={"sessionId": self.session_id, **body})

    async def upload(self, content: bytes, record: Mapping[str, Any], *, chunk: int) -> list[httpx.Response]:
        """Send a file in chunks, the record and all settings beside each."""
        pieces = [content[at : at + chunk] for at in range(0, len(content), chunk)]
        extra = {
            "fileMetadata": record, "sessionInfo": {"sessionId": self.session_id, "totalFiles": 2},
            "timeInfo": TIME_INFO, "zeitschritte": STEPS,
        }  # fmt: skip
        answers = []
        for index, piece in enumerate(pieces):
            told = {
                "sessionId": self.session_id, "fileName": record["fileName"], "chunkIndex": index,
                "totalChunks": len(pieces), "isLastChunk": index == len(pieces) - 1,
            }  # fmt: skip
            form = {"metadata": json.dumps(told), "additionalData": json.dumps(extra, ensure_ascii=False)}
            files = {"chunk": ("blob", piece, "application/octet-stream")}
            answers.append(await self._http.post("/api/training/upload-chunk", data=form, files=files))
        return answers

    async def until(self, path: str, *words: str, seconds: float = 240) -> Json:
        """Ask a path until its status is one of some words."""
        async with asyncio.timeout(seconds):
            while True:
                body: Json = (await self.get(path)).json()
                if body.get("status") in words:
                    return body
                await asyncio.sleep(0.3)
