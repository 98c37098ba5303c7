"""What an attack campaign found, each as a test that failed before."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.auth import sockets
from services.gateway.auth.identity import Identity, InvalidToken
from services.gateway.auth.sockets import SocketCounts, TooManySockets, credential_ended
from services.gateway.auth.tokens import KeySet, KeysUnavailable
from services.gateway.http.rate_limits import FailedTokens, Limiter, OwnCounters, TooManyRequests
from services.gateway.problems import InvalidConfiguration
from services.gateway.sessions.websocket import _token_in
from services.gateway.uploads.wire import checked_settings, settings_of
from shared.spreadsheets import as_csv
from shared.storage.rows import FileRow, SessionRow
from tests.services.gateway.house import BASE, House, open_house, ready_file

SID = "a" * 32
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["name", "horizon_start", "horizon_end", "scale", "scale_min", "scale_max", "max_gap", "content",
     "resample", "average_window", "bounded", "color_index", "bezeichnung", "input", "output", "step_size",
     "offset", "holiday", "day", "categories", "country", "timezone"]
)  # fmt: skip


@pytest.fixture
async def users(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway that asks for tokens."""
    async with open_house(tmp_path, users=True, gateway_requests_per_minute=10_000) as house:
        yield house


async def test_contradicting_settings_are_refused_before_they_are_stored(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        await house.records.insert([SessionRow(id=SID, owner="local")])
        [series] = await ready_file(house, SID, "input", "a.csv", "A")
        bodies = [
            {"horizonStart": 5, "horizonEnd": -5}, {"scaleMin": 1, "scaleMax": 1}, {"horizonStart": 1e300},
            {"colorIndex": 10**15},
        ]  # fmt: skip
        answers = [await http.put(f"{BASE}/csv-files/{series.id}", json=body) for body in bodies]
        after = [await http.get(f"{BASE}/{path}/{SID}") for path in ("csv-files", "session", "upload-status")]

    assert {answer.status_code for answer in answers} == {422}
    assert {answer.status_code for answer in after} == {200}


@settings(max_examples=200, deadline=None)
@given(stored=st.dictionaries(NAMES, ANY_JSON, max_size=5))
def test_whatever_an_earlier_version_stored_can_be_shown(stored: dict[str, Any]) -> None:
    file = FileRow(id="f" * 32, owner="o", session_id=SID, role="input", file_name="a.csv", total_chunks=1,
                   settings={})  # fmt: skip
    file = file.model_copy(update={"settings": stored})

    shown = settings_of(file, None)

    shown.spec(series_id="", name="x", role="input")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    info=st.dictionaries(NAMES, ANY_JSON, max_size=4),
    steps=st.dictionaries(NAMES, ANY_JSON, max_size=4),
    record=st.dictionaries(NAMES, ANY_JSON, max_size=4),
)
def test_no_stored_value_makes_a_reading_route_fail(
    tmp_path_factory: pytest.TempPathFactory,
    info: dict[str, Any],
    steps: dict[str, Any],
    record: dict[str, Any],
) -> None:
    async def story() -> None:
        async with open_house(tmp_path_factory.mktemp("h")) as house, house.client() as http:
            stored = [json.loads(json.dumps(v, allow_nan=True).replace("NaN", "0").replace("Infinity", "1"))
                      for v in (info, steps, record)]  # fmt: skip
            session = SessionRow(id=SID, owner="local", time_info=stored[0], time_steps=stored[1])
            file = FileRow(id="f" * 32, owner="local", session_id=SID, role="input", file_name="a.csv",
                           total_chunks=1, settings=stored[2])  # fmt: skip
            await house.records.insert([session])
            await house.records.insert([file])
            paths = (
                "session",
                "csv-files",
                "get-time-info",
                "get-zeitschritte",
                "session-status",
                "results-summary",
            )
            answers = [await http.get(f"{BASE}/{path}/{SID}") for path in paths]
            answers.append(await http.get(f"{BASE}/list-sessions"))
        assert all(answer.status_code < 500 for answer in answers), [a.text[:200] for a in answers]

    asyncio.run(story())


def test_settings_no_data_set_can_be_made_of_are_refused() -> None:
    with pytest.raises(InvalidConfiguration):
        checked_settings({"horizon_start": 3, "horizon_end": 1}, "input")


async def test_metadata_has_an_end(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        await http.post(f"{BASE}/init-session", json={"sessionId": "session_1_a"})
        body = {"sessionId": "session_1_a", "comment": "x" * 20_000}
        first = await http.post(f"{BASE}/finalize-session", json=body)
        second = await http.post(f"{BASE}/finalize-session", json={**body, "more": "y" * 20_000})

    assert (first.status_code, second.status_code) == (200, 413)
    assert second.json()["code"] == "METADATA_TOO_LARGE"


async def test_a_foreign_uuid_and_an_unknown_one_are_answered_alike_where_a_session_is_opened(
    users: House,
) -> None:
    foreign, unknown = "a" * 32, "b" * 32
    await users.records.insert([SessionRow(id=foreign, owner="anna")])

    async with users.client(token="user-bert") as http:
        answers = [
            await http.post(f"{BASE}/init-session", json={"sessionId": sid}) for sid in (foreign, unknown)
        ]
        reads = [await http.get(f"{BASE}/session/{sid}") for sid in (foreign, unknown)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [read.status_code for read in reads] == [200, 200]
    assert all(foreign not in answer.json()["sessionUuid"].replace("-", "") for answer in answers)
    row = await users.records.get(SessionRow, foreign)
    assert row is not None
    assert row.owner == "anna"


async def test_the_turn_of_a_minute_gives_nobody_two_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(OwnCounters(), requests=100, upload_bytes=1)
    now = 59.0 + 60 * 1_000
    monkeypatch.setattr(time, "time", lambda: now)
    before = [await limiter.spend("anna", "requests") for _ in range(120)]
    now = 61.0 + 60 * 1_000

    after = [await limiter.spend("anna", "requests") for _ in range(120)]

    assert sum(not quota.exceeded for quota in before) == 100
    assert sum(not quota.exceeded for quota in after) <= 3


def test_guessed_tokens_are_slowed_down_and_known_ones_go_on() -> None:
    failed = FailedTokens(per_minute=5)
    failed.accepted("good")
    for _ in range(5):
        failed.check("10.0.0.1", "guess")
        failed.failed("10.0.0.1")

    with pytest.raises(TooManyRequests):
        failed.check("10.0.0.1", "guess")
    failed.check("10.0.0.1", "good")
    failed.check("10.0.0.2", "guess")


def test_sockets_of_one_user_and_of_nobody_have_an_end() -> None:
    counts = SocketCounts(per_user=2, anonymous=1)
    counts.enter("anna")
    counts.enter("anna")
    with pytest.raises(TooManySockets):
        counts.enter("anna")
    counts.leave("anna")
    counts.enter("anna")

    with counts.unknown(), pytest.raises(TooManySockets), counts.unknown():
        pass


async def test_a_live_connection_ends_with_its_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "CHECK_EVERY_S", 0.01)

    class Revoked:
        asked = 0

        async def identify(self, credential: str | None) -> Identity:
            self.asked += 1
            if self.asked > 3:
                raise InvalidToken("revoked")
            return Identity("anna")

    assert await asyncio.wait_for(credential_ended(Revoked(), "key"), 5) == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "first",
    ["[]", "7", "null", '"x"', "{", '{"token": 7}', '{"token": ["x"]}', "[" * 5_000, '{"token": null}'],
)
def test_a_first_message_of_any_shape_is_read(first: str) -> None:
    assert _token_in(first) is None


async def test_an_outage_of_the_identity_provider_is_asked_about_once_per_pause() -> None:
    asked = 0

    def down(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(down)) as http:
        keys = KeySet("http://127.0.0.1/keys", http)
        for _ in range(20):
            with pytest.raises(KeysUnavailable):
                await keys.key("any")

    assert asked == 1


async def test_answers_with_data_are_not_kept_by_anybody(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        answers = [await http.get(f"{BASE}/list-sessions"), await http.get(f"{BASE}/session/{SID}")]

    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_table_is_a_formula(start: str) -> None:
    table = as_csv([f"{start}head"], [[f"{start}cmd()", -1.5]])

    assert f"'{start}head" in table
    assert f"'{start}cmd()" in table
    assert "-1.5" in table
    assert "'-1.5" not in table


async def test_a_session_keeps_no_more_than_its_quota_and_nothing_of_the_rest(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, users=True, gateway_session_bytes=1_000) as house,
        house.client(token="user-anna") as http,
    ):
        body = {"sessionId": "session_1_a", "fileName": "a.csv", "type": "input", "totalChunks": 2}
        made = (await http.post(f"{BASE}/csv-files", json=body)).json()
        url = f"{BASE}/upload/session_1_a/{made['file_id']}"
        answers = [await http.put(f"{url}/{n}", content=b"x" * 600) for n in range(2)]
        state = (await http.get(f"{BASE}/upload-status/session_1_a")).json()

    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[1].json()["code"] == "QUOTA_EXCEEDED"
    assert state["uploads"][0]["missing"] == [1]


async def test_a_disk_that_is_nearly_full_takes_no_upload(tmp_path: Path) -> None:
    async with open_house(tmp_path, gateway_free_bytes=1 << 60) as house, house.client() as http:
        data = {"sessionId": "session_1_a"}
        answer = await http.post(f"{BASE}/instant-upload", data=data, files={"file": ("a.csv", b"time,x\n")})

    assert (answer.status_code, answer.json()["code"]) == (507, "STORAGE_FULL")


async def test_a_damaged_file_is_not_downloaded_under_its_old_hash(tmp_path: Path) -> None:
    from services.gateway.results.routes import stored_file
    from shared.storage.verified import ObjectDamaged

    async with open_house(tmp_path) as house:
        stored = await house.gateway.service_storage.objects.put(f"sessions/{SID}/x.zip", b"right")
        (tmp_path / "objects" / "sessions" / SID / "x.zip").write_bytes(b"wrong")

        with pytest.raises(ObjectDamaged):
            await stored_file(
                house.gateway.storage.objects,
                f"sessions/{SID}/x.zip",
                "x.zip",
                "application/zip",
                stored.digest,
            )
