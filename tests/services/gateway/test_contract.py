"""The contract, driven path by path; the table in docs/http.md is what passed gateway.

``TRAINYARD_WRITE_DOCS=1`` writes the table instead of comparing it.
"""

import os
from pathlib import Path
from typing import Any

import httpx

from services.gateway.http.openapi import SESSION
from shared.contracts.base import utc_now
from shared.storage.records import OneOf
from shared.storage.rows import LIVE_RUN, RunRow
from tests.services.gateway.contract import IDS, Case, cases, furnish
from tests.services.gateway.house import BASE, House

DOCS = Path(__file__).parents[3] / "docs" / "http.md"
BEGIN, END = "<!-- contract: begin -->", "<!-- contract: end -->"


async def drive(house: House, http: httpx.AsyncClient, case: Case) -> str | None:
    """Send one request; return what is wrong with its answer."""
    if case.path in (
        "/train-models/{sid}",
        "/run/{sid}",
        "/backtest/{sid}",
        "/start-complete-pipeline/{sid}",
    ):  # one run at a time: let the last one be over
        for run in await house.records.select(RunRow, {"status": OneOf(LIVE_RUN)}):
            await house.records.update(RunRow, run.id, {"status": "completed", "finished_at": utc_now()})
    url = f"http://127.0.0.1{BASE}{case.path.format(**IDS)}"
    answer = await http.request(case.method, url, **case.request)
    if answer.status_code != case.status:
        return f"{answer.status_code} {answer.text[:300]}"
    if not answer.headers["content-type"].startswith("application/json"):
        return None if answer.content else "empty"
    body = answer.json()
    missing = [key for key in case.keys if key not in body]
    if missing:
        return f"lacks {missing}"
    beyond = undescribed(house, case, body)
    return f"tells what is not described: {beyond}" if beyond else None


def undescribed(house: House, case: Case, body: dict[str, Any]) -> list[str]:
    """Return what an answer of success has that the API's description does not name."""
    if not 200 <= case.status < 300:
        return []
    described = house.app.openapi()
    answers = described["paths"][f"{BASE}{case.path}"][case.method.lower()]["responses"]
    schema = (
        answers[str(case.status)]["content"]["application/json"]["schema"]
        if str(case.status) in answers
        else {}
    )
    if "$ref" not in schema:
        return []
    named = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return sorted(body.keys() - named["properties"].keys())


async def test_every_path_answers_both_generations_of_clients(house: House) -> None:
    async with house.client() as http:
        await http.post(f"{BASE}/init-session", json={"sessionId": SESSION})
        await furnish(house)
        asked = cases()

        wrong = {
            f"{c.method} {c.path} {c.says}": problem
            for c in asked
            if (problem := await drive(house, http, c))
        }

    assert wrong == {}
    described = {
        (method.upper(), path.removeprefix(BASE))
        for path, methods in house.app.openapi()["paths"].items()
        for method in methods
        if path.startswith(BASE)
    }
    assert described == {(case.method, case.path) for case in asked}
    check_table(asked)


def check_table(passed: list[Case]) -> None:
    """Compare the table in the documentation with what passed, or write it."""
    rows = [f"| {c.method} | `{c.path}` | {c.says} | {c.status} | {', '.join(c.keys)} |" for c in passed]
    header = "| method | path below `/api/training` | said | status | the answer has |\n|---|---|---|---|---|"
    table = "\n".join([BEGIN, header, *rows, END])
    text = DOCS.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if os.environ.get("TRAINYARD_WRITE_DOCS"):
        DOCS.write_text(before + table + after)
    else:
        assert table in text, "docs/http.md is out of date: TRAINYARD_WRITE_DOCS=1 pytest " + __file__
