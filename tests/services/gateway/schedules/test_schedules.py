"""Schedules: each local day once, whatever clocks and replicas do; webhooks signed, and never private."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from services.gateway.context import run_context
from services.gateway.http.openapi import SESSION
from services.gateway.runs.lifecycle import request_dataset
from services.gateway.schedules.due import newest_due
from services.gateway.schedules.runner import ScheduleRunner
from services.gateway.schedules.webhooks import WebhookAway, WebhookRefused, WebhookSender
from shared.storage.rows import DatasetRow, RunRow, SeriesRow, SessionRow
from shared.storage.schedule_rows import FiringRow, ScheduleRow
from tests.services.gateway.contract import DATASET, FORECAST, SID, furnish
from tests.services.gateway.house import House

NOW = datetime.now(UTC)
DAILY = {"at": "06:00", "timezone": "Europe/Vienna"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Json = dict[str, Any]


class Remembering:
    """Stands for the way out: remembers what was sent, fails as often as it is told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Json]] = []
        self.failures = 0

    async def send(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise WebhookAway("the webhook's receiver is busy")
        self.sent.append((url, message_id, json.loads(body)))


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    return house


async def _made(house: House, http: httpx.AsyncClient, **order: Any) -> str:
    """Make a schedule and let it have been there for two days."""
    answer = await http.post(f"schedules/{SESSION}", json={**DAILY, **order})
    assert answer.status_code == 200, answer.text
    schedule_id = str(answer.json()["schedule"]["schedule_id"])
    row = await house.records.get(ScheduleRow, schedule_id)
    assert row is not None
    await house.records.delete(ScheduleRow, {"id": schedule_id})
    await house.records.insert([row.model_copy(update={"created_at": NOW - timedelta(days=62)})])
    return schedule_id


async def _firings(house: House) -> list[FiringRow]:
    return await house.records.select(FiringRow, {}, order="due")


def _runner(house: House, sender: Remembering | None = None) -> ScheduleRunner:
    return ScheduleRunner(house.gateway, sender or Remembering(), every=timedelta(seconds=1))


@pytest.mark.parametrize("at", ["01:30", "02:00", "02:30", "03:00", "06:00"])
@pytest.mark.parametrize("change", [datetime(2026, 3, 28), datetime(2026, 10, 24)])
def test_every_local_day_is_due_once_also_when_the_clock_changes(at: str, change: datetime) -> None:
    start = change.replace(tzinfo=UTC)
    looks = [start + timedelta(minutes=7 * k) for k in range(4 * 24 * 60 // 7)]

    found = [newest_due(at, "Europe/Vienna", None, after=LONG_AGO, now=now) for now in looks]

    pairs = {one for one in found if one is not None}
    days, moments = sorted(day for day, _ in pairs), sorted(moment for _, moment in pairs)
    assert len(pairs) == len(set(days))
    assert [day for day, _ in sorted(pairs, key=lambda pair: pair[1])] == days
    gaps = {(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(moments)}
    assert {23.0, 24.0, 25.0} >= gaps
    assert len(days) >= 4


async def test_a_due_forecast_is_made_once_told_live_and_listed(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await _made(furnished, http)
    first, second = _runner(furnished), _runner(furnished)

    for runner in (first, second, first):
        await runner.look(NOW)

    (firing,) = await _firings(furnished)
    asked = [question for question, _ in furnished.oracle.asked if question == "trainer.forecast"]
    said = [event for event in furnished.post.messages if event.type == "schedule.fired"]
    listed = (await http.get(f"schedules/{SESSION}")).json()
    assert (firing.status, firing.result["forecast_id"]) == ("done", FORECAST)
    assert len(asked) == len(said) == 1
    assert listed["firings"][0]["status"] == "done"
    assert "secret" not in json.dumps(listed)


async def test_a_schedule_begins_with_the_next_due_time(furnished: House, http: httpx.AsyncClient) -> None:
    await http.post(f"schedules/{SESSION}", json=DAILY)

    await _runner(furnished).look(NOW)

    assert await _firings(furnished) == []


async def test_a_paused_schedule_does_nothing_and_goes_on_with_the_next_due_time(
    furnished: House, http: httpx.AsyncClient
) -> None:
    schedule_id = await _made(furnished, http)
    paused = await http.put(f"schedules/{SESSION}/{schedule_id}", json={"enabled": False})

    await _runner(furnished).look(NOW)
    before = await _firings(furnished)
    resumed = await http.put(f"schedules/{SESSION}/{schedule_id}", json={"enabled": True})
    await _runner(furnished).look(NOW)
    (missed,) = await _firings(furnished)
    await _runner(furnished).look(NOW + timedelta(days=1))

    assert (paused.json()["schedule"]["enabled"], before) == (False, [])
    assert resumed.json()["schedule"]["enabled"] is True
    assert (missed.status, missed.result) == ("skipped", {"reason": "paused"})
    assert [firing.status for firing in await _firings(furnished)] == ["skipped", "done"]


async def test_a_schedule_that_is_let_go_on_twice_keeps_what_became_of_its_due_times(
    furnished: House, http: httpx.AsyncClient
) -> None:
    schedule_id = await _made(furnished, http)
    await _runner(furnished).look(NOW)

    for enabled in (False, True, True):
        await http.put(f"schedules/{SESSION}/{schedule_id}", json={"enabled": enabled})
    unknown = await http.put(f"schedules/{SESSION}/{'9' * 32}", json={"enabled": True})

    assert [firing.status for firing in await _firings(furnished)] == ["done"]
    assert unknown.status_code == 404


async def test_a_firing_waits_for_a_service_that_is_away_and_is_given_up_after_a_day(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await _made(furnished, http)
    kept = furnished.oracle.answers.pop("trainer.forecast")
    runner = _runner(furnished)

    await runner.look(NOW)
    (waiting,) = await _firings(furnished)
    await runner._fire(waiting, NOW + timedelta(days=2))
    (given_up,) = await _firings(furnished)
    await furnished.records.update(FiringRow, waiting.id, {"status": "due", "problem": None})
    furnished.oracle.answers["trainer.forecast"] = kept
    await runner.look(NOW)
    (done,) = await _firings(furnished)

    assert (waiting.status, given_up.status, done.status) == ("due", "failed", "done")
    assert given_up.problem is not None
    assert given_up.problem.code == "WORKER_UNAVAILABLE"


async def test_retraining_waits_for_lost_skill_and_starts_one_run(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await _made(furnished, http, action="retrain", condition="skill_below_zero")
    runner = _runner(furnished)
    day = timedelta(days=1)

    await runner.look(NOW)
    lost = {"targets": [{"alerts": ["skill_below_zero"]}]}
    furnished.oracle.answers["evaluator.monitoring"] = {"models": [lost]}
    await runner.look(NOW + day)
    await furnished.records.update(
        FiringRow, (await _firings(furnished))[-1].id, {"status": "due"}
    )  # as if the replica had died before it wrote down that it was done
    await runner.look(NOW + day)

    skipped, done = await _firings(furnished)
    runs = await furnished.records.select(RunRow, {"session_id": SID, "status": "waiting"})
    assert (skipped.status, done.status) == ("skipped", "done")
    assert [run.id for run in runs] == [done.result["run_id"]]


async def test_the_same_data_set_is_another_once_rows_have_arrived(
    furnished: House, http: httpx.AsyncClient
) -> None:
    kept = await furnished.records.get(DatasetRow, DATASET)
    session = await furnished.records.get(SessionRow, SID)
    assert kept is not None
    assert session is not None
    context = await run_context(furnished.gateway)

    first = await request_dataset(context, session, kept.spec)
    again = await request_dataset(context, session, kept.spec)
    await furnished.records.update(SeriesRow, kept.spec.inputs[0].series_id, {"version": 1})
    newer = await request_dataset(context, session, kept.spec)

    assert first.id == again.id != newer.id


async def test_a_webhook_is_sent_until_it_arrives(furnished: House, http: httpx.AsyncClient) -> None:
    await _made(furnished, http, webhook_url="https://example.org/hook")
    sender = Remembering()
    sender.failures = 1
    runner = _runner(furnished, sender)

    await runner.look(NOW)
    (pending,) = await _firings(furnished)
    await runner.look(NOW)
    await runner.look(NOW)

    (firing,) = await _firings(furnished)
    assert (pending.delivery, firing.delivery) == ("pending", "delivered")
    ((url, message_id, body),) = sender.sent
    assert (url, message_id) == ("https://example.org/hook", firing.id)
    assert body["data"]["result"]["forecast_id"] == FORECAST


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest",
     "https://[::ffff:10.0.0.1]/", "https://user:pw@example.org/", "ftp://example.org/", "nonsense"],
)  # fmt: skip
async def test_a_webhook_to_a_private_or_plain_address_is_refused(
    furnished: House, http: httpx.AsyncClient, url: str
) -> None:
    answer = await http.post(f"schedules/{SESSION}", json={**DAILY, "webhook_url": url})

    assert answer.status_code in (400, 422)
    assert "webhook" in answer.json()["error"]


async def test_a_name_that_stands_for_this_machine_is_refused_when_it_is_used() -> None:
    async with httpx.AsyncClient() as http:
        sender = WebhookSender(http, allow_private=False)

        with pytest.raises(WebhookRefused, match="private"):
            await sender.send("https://localhost/", "whsec_a2V5", "m", b"{}")


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[httpx.AsyncClient, list[Request], list[int]]]:
    """A receiver that answers with the given statuses, then 204."""
    app, heard, statuses = FastAPI(), [], []  # type: ignore[var-annotated]

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        await request.body()
        heard.append(request)
        return Response(status_code=statuses.pop(0) if statuses else 204)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        yield http, heard, statuses


async def test_the_receiver_can_check_the_signature_and_is_asked_again_while_it_is_busy(
    receiver: tuple[httpx.AsyncClient, list[Request], list[int]],
) -> None:
    http, heard, statuses = receiver
    statuses += [503, 429]
    sender = WebhookSender(http, allow_private=True, pause=0.01)

    await sender.send("http://localhost:9/hook", "whsec_a2V5", "m1", b'{"a":1}')

    assert len(heard) == 3
    headers = heard[-1].headers
    signed = f"m1.{headers['webhook-timestamp']}.".encode() + b'{"a":1}'
    expected = base64.b64encode(hmac.new(b"key", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["host"] == "localhost:9"
    statuses.append(410)
    with pytest.raises(WebhookRefused):
        await sender.send("http://localhost:9/hook", "whsec_a2V5", "m2", b"{}")
