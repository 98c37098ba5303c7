"""A request whose answer was lost in a crash is repeated under its key, and nothing is done twice."""

from typing import Any

import httpx
import pytest

from services.gateway.http import idempotency
from services.gateway.http.idempotency import HEADER
from services.gateway.http.openapi import SESSION
from shared.contracts.base import utc_now
from shared.storage.records import OneOf
from shared.storage.rows import LIVE_RUN, TABLES, AnswerRow, RunRow
from tests.services.gateway.contract import IDS, Case, cases, furnish
from tests.services.gateway.house import BASE, House

_BESIDE = ("idempotency", "training_logs")


def posts() -> list[Case]:
    """Return one request per path that may honour the key."""
    known: dict[str, Case] = {}
    for case in cases():
        if case.method == "POST" and 200 <= case.status < 300:
            known.setdefault(case.path, case)
    return list(known.values())


async def rows(house: House) -> dict[str, set[str]]:
    """Return which rows there are."""
    return {
        kind.table: {row.id for row in await house.records.select(kind, {})}
        for kind in TABLES
        if kind.table not in _BESIDE
    }


async def test_after_a_crash_between_storing_and_answering_the_repeat_stores_nothing_more(
    house: House, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "_PATIENCE_S", 0.05)
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    wrong: list[Any] = []
    honoured: list[str] = []

    for case in posts():
        for run in await house.records.select(RunRow, {"status": OneOf(LIVE_RUN)}):  # one at a time
            await house.records.update(RunRow, run.id, {"status": "completed", "finished_at": utc_now()})
        url = f"http://127.0.0.1{BASE}{case.path.format(**IDS)}"
        headers = {HEADER: f"crash {case.path}"}
        first = await http.post(url, headers=headers, **case.request)
        stored = await rows(house)
        answers = await house.records.select(AnswerRow, {"route": httpx.URL(url).path})
        honoured += [case.path] if answers else []
        for answer in answers:  # the process died before it noted the answer
            await house.records.update(AnswerRow, answer.id, {"status": None, "answer": {}})
        said = [message.subject() for message in house.post.messages]
        again = await http.post(url, headers=headers, **case.request)

        if not answers:
            continue
        if first.status_code != again.status_code:
            wrong.append((case.path, first.status_code, again.status_code, again.text[:150]))
        now = await rows(house)
        if more := {name: ids ^ stored[name] for name, ids in now.items() if ids != stored[name]}:
            wrong.append((case.path, more))
        if doubled := {message.subject() for message in house.post.messages[len(said) :]} & set(said):
            wrong.append((case.path, "said twice", doubled))

    assert wrong == []
    assert len(honoured) > 15
    assert "/api-keys/{sid}" not in honoured  # a key is told once, and its text is kept nowhere
