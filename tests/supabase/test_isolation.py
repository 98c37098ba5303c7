"""Who sees and changes what: every table and the bucket, for owner, other user, anonymous and service."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from shared.contracts.base import new_id, utc_now
from shared.contracts.kinds import LinearSpec
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.errors import InvalidInput, SessionNotFound
from shared.storage.connect import Storage, open_supabase
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow, RowBatchRow
from shared.storage.objects import ObjectNotFound
from shared.storage.plan_rows import SubscriptionPlanRow, UsageRow, UserSubscriptionRow
from shared.storage.records import OneOf, Row
from shared.storage.registry_rows import ModelVersionRow, PromotionRuleRow, StageChangeRow
from shared.storage.rows import (
    TABLES,
    AnswerRow,
    ApiKeyRow,
    ChunkRow,
    DatasetRow,
    DeadLetterRow,
    FileRow,
    JobRow,
    LeaseRow,
    LogRow,
    PlotRow,
    ResultRow,
    RunRow,
    ScalerRow,
    SeriesRow,
    SessionRow,
    TableRow,
)
from shared.storage.schedule_rows import FiringRow, ScheduleRow
from shared.storage.supabase import AccessDenied, Project, RetryPolicy, open_http
from tests.supabase.conftest import User
from tests.support.ledger_rows import session_row
from tests.support.supabase import PUBLISHABLE_KEY, SECRET_KEY, SERVICE_JWT, LocalSupabase, mint

_HASH = "0" * 64
_SPEC = DatasetSpec(
    series=(
        SeriesSpec(series_id="a", name="a", role="input", horizon=Horizon(start=-24, end=0)),
        SeriesSpec(series_id="a", name="b", role="output", horizon=Horizon(start=1, end=24)),
    ),
    input_steps=24,
    output_steps=24,
    stride=60,
)
_FIELDS: dict[type[Row], dict[str, Any]] = {
    SessionRow: {},
    FileRow: {"role": "input", "file_name": "load.csv", "total_chunks": 1},
    ChunkRow: {"file_id": "f", "index": 0, "size_bytes": 1, "sha256": _HASH},
    SeriesRow: {
        "file_id": "f",
        "position": 0,
        "name": "load",
        "object_key": "k",
        "sha256": _HASH,
        "statistics": {},
        "quality": {},
    },
    DatasetRow: {"spec": _SPEC},
    RunRow: {"dataset_id": "d", "models": (LinearSpec(),)},
    JobRow: {
        "run_id": "r",
        "dataset_id": "d",
        "position": 0,
        "kind": "lin",
        "label": "x",
        "spec": LinearSpec(),
    },
    ResultRow: {"run_id": "r", "label": "x", "kind": "lin", "scores": {}},
    PlotRow: {"name": "violin", "kind": "png", "object_key": "k"},
    LogRow: {"message": "started"},
    ScalerRow: {"dataset_id": "d", "role": "input", "position": 0, "name": "load", "parameters": {}},
    TableRow: {"name": "levels", "content": {}},
    LeaseRow: {"holder": "me", "until": utc_now()},
    DeadLetterRow: {"subject": "evt", "reason": "x", "payload": "{}"},
    AnswerRow: {"route": "/x", "body_sha256": _HASH},
    ApiKeyRow: {},
    RowBatchRow: {
        "file_id": "f", "version": 1, "available_at": utc_now(), "n_rows": 1, "n_new": 1, "n_changed": 0,
        "object_key": "k",
    },
    ForecastRow: {
        "run_id": "r", "job_id": "j", "kind": "lin", "label": "x", "reference_time": utc_now(),
        "last_time": utc_now(), "object_key": "k",
    },
    ForecastDocumentRow: {"content": "{}"},
    ModelVersionRow: {"number": 1, "run_id": "r", "job_id": "j", "kind": "lin", "label": "x"},
    StageChangeRow: {"number": 1, "version": 1, "stage": "champion"},
    ScheduleRow: {"action": "forecast", "at": "06:00", "timezone": "Europe/Vienna"},
    PromotionRuleRow: {"days": 14, "level": 0.05},
    FiringRow: {"schedule_id": "s", "due": utc_now(), "local_day": "2026-01-31"},
}  # fmt: skip
_READ_ONLY = (SubscriptionPlanRow, UserSubscriptionRow, UsageRow)
_OWNED = [kind for kind in TABLES if kind not in (LeaseRow, DeadLetterRow, ApiKeyRow, *_READ_ONLY)]
_SERVICES_ONLY = [LeaseRow, DeadLetterRow, ApiKeyRow]
_USERS_INSERT = [SessionRow, FileRow, ChunkRow, DatasetRow, RunRow, AnswerRow, TableRow]
_SERVICES_INSERT = [kind for kind in _OWNED if kind not in _USERS_INSERT]
_named = pytest.mark.parametrize
_ids: Callable[[type[Row]], str] = lambda kind: kind.table  # noqa: E731 - an id function for parametrize


def _row(kind: type[Row], owner: str, session: SessionRow) -> Row:
    fields = dict(_FIELDS[kind])
    if "session_id" in kind.model_fields:
        fields["session_id"] = session.id
    if kind is ApiKeyRow:
        fields["key_sha256"] = new_id() * 2
    return kind(id=new_id(), owner=owner, **fields)


@_named("kind", _OWNED, ids=_ids)
async def test_a_row_is_its_owners_alone(
    service: Storage, alice: User, bob: User, anonymous: Storage, kind: type[Row]
) -> None:
    row = _row(kind, alice.id, alice.session)
    await service.records.insert([row])

    assert await alice.storage.records.get(kind, row.id) == row
    assert await service.records.get(kind, row.id) == row
    assert await bob.storage.records.get(kind, row.id) is None
    assert await bob.storage.records.delete(kind, {"id": row.id}) == 0
    assert await service.of_owner(bob.id).records.get(kind, row.id) is None
    for call in (anonymous.records.get(kind, row.id), anonymous.records.delete(kind, {"id": row.id})):
        with pytest.raises(AccessDenied):
            await call
    assert await alice.storage.records.delete(kind, {"id": row.id}) == 1


@_named("kind", _SERVICES_ONLY, ids=_ids)
async def test_what_services_keep_for_themselves_is_closed_to_users(
    service: Storage, alice: User, anonymous: Storage, kind: type[Row]
) -> None:
    row = _row(kind, alice.id, alice.session)
    await service.records.insert([row])

    assert await service.records.get(kind, row.id) == row
    for storage in (alice.storage, anonymous):
        for call in (
            storage.records.get(kind, row.id),
            storage.records.insert([_row(kind, alice.id, alice.session)]),
        ):
            with pytest.raises(AccessDenied):
                await call


async def test_users_read_plans_and_their_own_use_and_write_neither(
    service: Storage, alice: User, bob: User
) -> None:
    plan = SubscriptionPlanRow(id=new_id(), owner="operator", name="Small")
    mine = UserSubscriptionRow(id=new_id(), owner=alice.id, plan_id=plan.id)
    used = UsageRow(id=new_id(), owner=alice.id, period_start=utc_now(), period_end=utc_now())
    await service.records.insert([plan])
    await service.records.insert([mine, used])

    assert await bob.storage.records.get(SubscriptionPlanRow, plan.id) == plan
    for row in (mine, used):
        assert await alice.storage.records.get(type(row), row.id) == row
        assert await bob.storage.records.get(type(row), row.id) is None
    for kept in (plan, mine, used):
        with pytest.raises(AccessDenied):
            await alice.storage.records.insert([kept.model_copy(update={"id": new_id()})])
        with pytest.raises(AccessDenied):
            await alice.storage.records.delete(type(kept), {"id": kept.id})


@_named("kind", _USERS_INSERT, ids=_ids)
async def test_users_insert_what_they_are_asked_for_and_only_as_their_own(
    alice: User, bob: User, anonymous: Storage, kind: type[Row]
) -> None:
    mine = _row(kind, alice.id, alice.session)

    assert await alice.storage.records.insert([mine]) == 1
    assert await alice.storage.records.insert([mine]) == 0
    with pytest.raises(AccessDenied):
        await bob.storage.records.insert([_row(kind, alice.id, alice.session)])
    with pytest.raises(AccessDenied):
        await anonymous.records.insert([_row(kind, alice.id, alice.session)])


@_named("kind", _SERVICES_INSERT, ids=_ids)
async def test_users_do_not_write_results(alice: User, kind: type[Row]) -> None:
    with pytest.raises(AccessDenied):
        await alice.storage.records.insert([_row(kind, alice.id, alice.session)])


@_named("kind", [k for k in _OWNED if "session_id" in k.model_fields], ids=_ids)
async def test_no_row_hangs_on_somebody_elses_session(
    service: Storage, alice: User, bob: User, kind: type[Row]
) -> None:
    foreign = _row(kind, bob.id, alice.session)

    with pytest.raises(SessionNotFound):
        await service.records.insert([foreign])
    with pytest.raises(InvalidInput):
        await bob.storage.records.insert([foreign])


@_named("kind", [k for k in _OWNED if "session_id" in k.model_fields], ids=_ids)
async def test_what_belongs_to_a_session_goes_with_it(service: Storage, alice: User, kind: type[Row]) -> None:
    row = _row(kind, alice.id, alice.session)
    await service.records.insert([row])

    await alice.storage.records.delete(SessionRow, {"id": alice.session.id})

    assert await service.records.get(kind, row.id) is None


@_named(
    ("kind", "changes"),
    [
        (RunRow, {"status": "completed"}),
        (JobRow, {"attempt": 7}),
        (DatasetRow, {"status": "ready"}),
        (ResultRow, {"scores": {"rmse": 0}}),
    ],
    ids=lambda value: getattr(value, "table", None),
)
async def test_a_user_does_not_change_what_services_decide(
    service: Storage, alice: User, kind: type[Row], changes: dict[str, object]
) -> None:
    row = _row(kind, alice.id, alice.session)
    await service.records.insert([row])

    with pytest.raises(AccessDenied):
        await alice.storage.records.update(kind, row.id, changes)

    assert await service.records.get(kind, row.id) == row


async def test_a_user_asks_a_run_to_stop(service: Storage, alice: User, bob: User) -> None:
    run = _row(RunRow, alice.id, alice.session)
    await service.records.insert([run])

    by_bob = await bob.storage.records.update(RunRow, run.id, {"cancel_requested": True})
    by_alice = await alice.storage.records.update(RunRow, run.id, {"cancel_requested": True})

    assert by_bob is None
    assert by_alice is not None
    assert (by_alice.cancel_requested, by_alice.revision) == (True, 1)


async def test_a_revision_and_an_owner_cannot_be_forged(
    supabase: LocalSupabase, alice: User, bob: User
) -> None:
    await supabase.sql(
        "update training_sessions set revision = 99, owner = $1::text::uuid, created_at = '2000-01-01'"
        " where id = $2",
        bob.id,
        alice.session.id,
    )

    row = await alice.storage.records.get(SessionRow, alice.session.id)

    assert row is not None
    assert (row.owner, row.revision, row.created_at) == (alice.id, 1, alice.session.created_at)


async def test_one_connection_pool_never_mixes_up_who_asks(alice: User, bob: User) -> None:
    users = [alice, bob] * 50

    lists = await asyncio.gather(*(user.storage.records.select(SessionRow, {}) for user in users))

    for user, rows in zip(users, lists, strict=True):
        assert [row.id for row in rows] == [user.session.id]


@_named("key", [SECRET_KEY, SERVICE_JWT], ids=["new style", "old style"])
async def test_keys_of_both_styles_speak_for_a_service(
    supabase: LocalSupabase, alice: User, key: str
) -> None:
    storage = open_supabase(Project(supabase.url, SecretStr(key)))

    found = await storage.records.get(SessionRow, alice.session.id)
    await storage.objects.ping()

    await storage.close()
    assert found == alice.session


async def test_a_publishable_key_alone_is_nobody(supabase: LocalSupabase, alice: User) -> None:
    storage = open_supabase(Project(supabase.url, SecretStr(PUBLISHABLE_KEY)), RetryPolicy.NONE)

    with pytest.raises(AccessDenied):
        await storage.records.get(SessionRow, alice.session.id)

    await storage.close()


async def test_no_client_of_ours_can_sign_in(alice: User) -> None:
    """Signing in on a shared client would make everybody that user; ours has no such method."""
    inside = vars(alice.storage.records) | vars(alice.storage.objects)

    assert not [name for part in inside.values() for name in dir(part) if name.startswith("sign_in")]


async def test_text_of_a_user_never_becomes_a_filter(alice: User, bob: User) -> None:
    for text in ("x,owner.not.is.null", "x),or(owner.not.is.null", '"),id.neq."', "*", "%", "a&owner=neq.x"):
        where = {"name": OneOf((text, "y"))}

        assert await alice.storage.records.select(SessionRow, where) == []
        assert await alice.storage.records.select(SessionRow, {"name": text}) == []
        assert await alice.storage.records.get(SessionRow, text) is None
        assert await alice.storage.records.count(SessionRow, {}) == 1


@_named(
    "token",
    [
        mint("0b5c6a4e-6f0e-4d0a-9d3c-0f8f6f1f7a11", seconds=-120),
        mint("0b5c6a4e-6f0e-4d0a-9d3c-0f8f6f1f7a11", secret="another-secret-of-somebody-else-entirely"),
        "garbage",
        "a.b.c",
    ],
    ids=["expired", "signed by another", "no token", "no header"],
)
async def test_a_bad_token_opens_nothing(service: Storage, alice: User, token: str) -> None:
    storage = service.of_user("somebody", token)

    with pytest.raises(AccessDenied):
        await storage.records.select(SessionRow, {})
    with pytest.raises(AccessDenied):
        await storage.objects.get(f"sessions/{alice.session.id}/files/a")


async def test_the_view_of_sessions_shows_everybody_their_own(
    supabase: LocalSupabase, alice: User, bob: User
) -> None:
    headers = {"apikey": PUBLISHABLE_KEY, "Authorization": f"Bearer {mint(alice.id)}"}

    async with open_http() as http:
        answer = await http.get(f"{supabase.url}/rest/v1/sessions?select=session_id", headers=headers)

    assert answer.json() == [{"session_id": alice.session.id}]


async def test_objects_are_read_by_their_owner_and_uploads_alone_are_written(
    service: Storage, alice: User, bob: User, anonymous: Storage
) -> None:
    session = f"sessions/{alice.session.id}"
    upload, model = f"{session}/files/f/chunks/000000", f"{session}/runs/r/model"
    await service.objects.put(model, b"model")
    await alice.storage.objects.put(upload, b"chunk")
    await alice.storage.objects.put(upload, b"chunk, again")

    assert await alice.storage.objects.get(upload) == b"chunk, again"
    assert await alice.storage.objects.get(model) == b"model"
    assert await alice.storage.objects.list(session) == [upload, model]
    assert await service.of_owner(alice.id).objects.get(model) == b"model"
    with pytest.raises(AccessDenied):
        await alice.storage.objects.put(model, b"forged")
    for other in (bob.storage, anonymous):
        with pytest.raises((ObjectNotFound, AccessDenied)):
            await other.objects.get(upload)
        with pytest.raises(AccessDenied):
            await other.objects.put(upload, b"forged")
        assert await other.objects.list(session) == []
        assert await other.objects.delete(session) == 0
        assert await other.objects.size(model) is None
    assert await service.objects.get(model) == b"model"
    assert await alice.storage.objects.delete(session) == 2


@_named("key", ["elsewhere/x", "sessions", "sessions/x"])
async def test_a_user_writes_nothing_outside_sessions(alice: User, key: str) -> None:
    with pytest.raises(AccessDenied):
        await alice.storage.objects.put(key, b"x")


async def test_a_session_that_was_only_invented_gives_no_room(alice: User) -> None:
    invented = session_row(alice.id)

    with pytest.raises(AccessDenied):
        await alice.storage.objects.put(f"sessions/{invented.id}/files/a", b"x")
