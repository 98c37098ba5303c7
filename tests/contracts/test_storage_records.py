"""What every ledger promises, checked on each implementation of the port."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from shared.contracts.backtest import Backtest, BacktestPart, BacktestSpec, Fold
from shared.contracts.base import new_id
from shared.contracts.kinds import DenseSpec
from shared.contracts.problems import Problem
from shared.errors import SessionNotFound
from shared.storage.records import Less, OneOf, Records
from shared.storage.rows import ChunkRow, JobRow, RunRow, SessionRow
from tests.support.ledger_rows import chunk_row, job_row, session_row

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.fixture
async def session(records: Records, owner: str) -> SessionRow:
    row = session_row(owner)
    await records.insert([row])
    return row


async def test_a_row_comes_back_as_it_was_stored(records: Records, session: SessionRow) -> None:
    job = job_row(session, label='Größe "x", (y)').changed(
        spec=DenseSpec(layers=(8, 4)),
        problem=Problem(code="X", message="a\nb", details={"row": 7, "share": 0.1, "none": None}),
        lease_until=NOON,
        seconds=0.1 + 0.2,
        files={"model": {"key": "a/b", "sizes": [1, 2.5]}},
        cancel_requested=True,
    )

    await records.insert([job])

    assert await records.get(JobRow, job.id) == job


async def test_backtests_come_back_as_stored_and_apart_from_ordinary_runs(
    records: Records, session: SessionRow
) -> None:
    fold = Fold(number=1, cutoff=NOON, last=NOON, train=(0, 4), validation=(5, 6), test=(7, 9))
    own = {"owner": session.owner, "session_id": session.id, "dataset_id": new_id(), "models": (DenseSpec(),)}
    run = RunRow.model_validate({"id": new_id(), **own})
    plan = Backtest(spec=BacktestSpec(n_folds=1), folds=(fold,))
    backtest = RunRow.model_validate({"id": new_id(), **own, "backtest_of": run.id, "backtest": plan})
    job = job_row(session).changed(backtest=BacktestPart(model="Dense", folds=(fold,)))

    await records.insert([run, backtest, job])

    mine = {"session_id": session.id}
    assert await records.select(RunRow, {**mine, "backtest_of": None}) == [run]
    assert await records.select(RunRow, {**mine, "backtest_of": run.id}) == [backtest]
    assert await records.get(JobRow, job.id) == job


async def test_inserting_twice_leaves_the_first_row(records: Records, session: SessionRow) -> None:
    job = job_row(session)

    first = await records.insert([job])
    second = await records.insert([job.changed(label="another"), job_row(session)])

    assert (first, second) == (1, 1)
    assert await records.get(JobRow, job.id) == job


async def test_the_same_row_twice_in_one_batch_is_stored_once(records: Records, session: SessionRow) -> None:
    job = job_row(session)

    new = await records.insert([job, job, job])

    assert new == 1


async def test_inserting_nothing_is_nothing(records: Records) -> None:
    assert await records.insert([]) == 0


async def test_rows_of_several_tables_go_in_at_once(records: Records, session: SessionRow) -> None:
    job, chunk = job_row(session), chunk_row(session, file_id=new_id(), index=0)

    new = await records.insert([job, chunk])

    assert new == 2
    assert await records.get(ChunkRow, chunk.id) == chunk


async def test_an_unknown_id_is_none(records: Records) -> None:
    assert await records.get(JobRow, new_id()) is None
    assert await records.update(JobRow, new_id(), {"label": "x"}) is None


async def test_an_update_changes_what_it_names_and_counts(records: Records, session: SessionRow) -> None:
    job = job_row(session)
    await records.insert([job])

    changed = await records.update(JobRow, job.id, {"status": "running", "attempt": 1, "lease_until": NOON})

    assert changed is not None
    assert changed.updated_at > job.updated_at
    assert changed == job.changed(
        status="running", attempt=1, lease_until=NOON, revision=1, updated_at=changed.updated_at
    )
    assert await records.get(JobRow, job.id) == changed


async def test_an_update_can_empty_a_field(records: Records, session: SessionRow) -> None:
    job = job_row(session).changed(leased_by="a", lease_until=NOON, problem=Problem(code="X", message="m"))
    await records.insert([job])

    changed = await records.update(JobRow, job.id, {"leased_by": None, "lease_until": None, "problem": None})

    assert changed is not None
    assert (changed.leased_by, changed.lease_until, changed.problem) == (None, None, None)


async def test_an_update_that_expects_something_else_changes_nothing(
    records: Records, session: SessionRow
) -> None:
    job = job_row(session)
    await records.insert([job])

    refused = await records.update(JobRow, job.id, {"label": "x"}, expect={"attempt": 1, "leased_by": None})

    assert refused is None
    assert await records.get(JobRow, job.id) == job


async def test_of_many_concurrent_updates_exactly_one_wins(records: Records, session: SessionRow) -> None:
    job = job_row(session)
    await records.insert([job])

    answers = await asyncio.gather(
        *(
            records.update(JobRow, job.id, {"leased_by": f"w{n}", "attempt": 1}, expect={"attempt": 0})
            for n in range(20)
        )
    )

    winners = [row for row in answers if row is not None]
    assert len(winners) == 1
    assert await records.get(JobRow, job.id) == winners[0]


async def test_a_counter_under_compare_and_set_loses_nothing(records: Records, session: SessionRow) -> None:
    job = job_row(session)
    await records.insert([job])

    async def count_one() -> None:
        while True:
            now = await records.get(JobRow, job.id)
            assert now is not None
            changes = {"failures": now.failures + 1}
            if await records.update(JobRow, job.id, changes, expect={"revision": now.revision}):
                return

    await asyncio.gather(*(count_one() for _ in range(8)))

    final = await records.get(JobRow, job.id)
    assert final is not None
    assert (final.failures, final.revision) == (8, 8)


@pytest.mark.parametrize(
    "changes",
    [{"status": "sleeping"}, {"attempt": "many"}, {"nonsense": 1}, {"id": "x"}, {"seconds": float("nan")}],
    ids=["not one of its values", "wrong type", "no such field", "kept by the store", "not finite"],
)
async def test_a_change_that_does_not_fit_the_row_is_refused(
    records: Records, session: SessionRow, changes: dict[str, object]
) -> None:
    job = job_row(session)
    await records.insert([job])

    with pytest.raises(ValidationError):
        await records.update(JobRow, job.id, changes)

    assert await records.get(JobRow, job.id) == job


async def test_select_returns_every_match_beyond_a_thousand(records: Records, session: SessionRow) -> None:
    file_id = new_id()
    rows = [chunk_row(session, file_id=file_id, index=n) for n in range(2300)]
    await records.insert(rows)

    found = await records.select(ChunkRow, {"file_id": file_id}, order="index")

    assert found == rows
    assert await records.count(ChunkRow, {"file_id": file_id}) == 2300


async def test_pages_cover_equal_sort_keys_once_each(records: Records, session: SessionRow) -> None:
    file_id = new_id()
    rows = [chunk_row(session, file_id=file_id, index=n) for n in range(25)]
    await records.insert(rows)

    pages = [
        await records.select(ChunkRow, {"file_id": file_id}, order="-size_bytes", limit=10, offset=start)
        for start in (0, 10, 20)
    ]

    assert sorted(row.index for page in pages for row in page) == list(range(25))
    assert [len(page) for page in pages] == [10, 10, 5]


async def test_a_large_limit_is_met_to_the_row(records: Records, session: SessionRow) -> None:
    file_id = new_id()
    await records.insert([chunk_row(session, file_id=file_id, index=n) for n in range(1300)])
    where = {"file_id": file_id}

    some = await records.select(ChunkRow, where, order="-index", limit=1150, offset=100)
    rest = await records.select(ChunkRow, where, order="index", limit=5000, offset=1290)

    assert [row.index for row in some] == list(range(1199, 49, -1))
    assert [row.index for row in rest] == list(range(1290, 1300))


async def test_order_goes_up_and_down(records: Records, session: SessionRow) -> None:
    rows = [job_row(session, position=n) for n in (2, 0, 1)]
    await records.insert(rows)
    mine = {"session_id": session.id}

    up = await records.select(JobRow, mine, order="position")
    down = await records.select(JobRow, mine, order="-position", limit=2)

    assert [row.position for row in up] == [0, 1, 2]
    assert [row.position for row in down] == [2, 1]


async def test_empty_values_come_first_going_up_and_last_going_down(
    records: Records, session: SessionRow
) -> None:
    rows = [job_row(session, position=n).changed(lease_until=when) for n, when in enumerate([NOON, None])]
    await records.insert(rows)
    mine = {"session_id": session.id}

    up = await records.select(JobRow, mine, order="lease_until")
    down = await records.select(JobRow, mine, order="-lease_until")

    assert [row.lease_until for row in up] == [None, NOON]
    assert [row.lease_until for row in down] == [NOON, None]


async def test_less_compares_moments_to_the_microsecond(records: Records, session: SessionRow) -> None:
    tick = timedelta(microseconds=1)
    whens = [NOON - tick, NOON, NOON + tick, None]
    await records.insert([job_row(session, position=n).changed(lease_until=w) for n, w in enumerate(whens)])

    found = await records.select(JobRow, {"session_id": session.id, "lease_until": Less(NOON)})

    assert [row.lease_until for row in found] == [NOON - tick]


async def test_a_moment_is_the_same_in_every_zone(records: Records, session: SessionRow) -> None:
    vienna = datetime.fromisoformat("2026-03-29T14:00:00+02:00")
    await records.insert([job_row(session).changed(lease_until=vienna)])

    found = await records.select(JobRow, {"session_id": session.id, "lease_until": NOON})

    assert [row.lease_until for row in found] == [NOON]


async def test_one_of_matches_any_of_its_values(records: Records, session: SessionRow) -> None:
    await records.insert([job_row(session, position=n) for n in range(4)])
    mine = {"session_id": session.id}

    some = await records.select(JobRow, {**mine, "position": OneOf((3, 1, 99))}, order="position")
    none = await records.select(JobRow, {**mine, "position": OneOf(())})
    absent = await records.count(JobRow, {**mine, "leased_by": OneOf((None, "x"))})

    assert [row.position for row in some] == [1, 3]
    assert none == []
    assert absent == 4


async def test_one_of_takes_thousands_of_values(records: Records, session: SessionRow) -> None:
    file_id = new_id()
    rows = [chunk_row(session, file_id=file_id, index=n) for n in range(1200)]
    await records.insert(rows)
    asked = tuple(row.id for row in rows[:1100])

    found = await records.select(ChunkRow, {"id": OneOf(asked)}, order="-index", limit=5, offset=1)
    counted = await records.count(ChunkRow, {"id": OneOf(asked)})

    assert [row.index for row in found] == [1098, 1097, 1096, 1095, 1094]
    assert counted == 1100


@pytest.mark.parametrize(
    "text", ["x,id.neq.y)", '"quoted"', "a'b; drop table jobs", "50 % & más", "null", ""]
)
async def test_any_text_is_a_value_and_never_syntax(records: Records, session: SessionRow, text: str) -> None:
    await records.insert([job_row(session, label=text), job_row(session, label="other")])
    mine = {"session_id": session.id}

    equal = await records.select(JobRow, {**mine, "label": text})
    among = await records.select(JobRow, {**mine, "label": OneOf((text, "z"))})

    assert [row.label for row in equal] == [text]
    assert among == equal


async def test_booleans_and_absence_are_conditions(records: Records, session: SessionRow) -> None:
    await records.insert(
        [job_row(session, position=0), job_row(session, position=1).changed(baseline=True, leased_by="w")]
    )
    mine = {"session_id": session.id}

    baselines = await records.select(JobRow, {**mine, "baseline": True})
    unleased = await records.select(JobRow, {**mine, "leased_by": None})

    assert [row.position for row in baselines] == [1]
    assert [row.position for row in unleased] == [0]


@pytest.mark.parametrize("where", [{"nonsense": 1}, {"spec": "x"}], ids=["no such field", "a document"])
async def test_a_condition_on_what_is_no_plain_field_is_refused(
    records: Records, where: dict[str, str | int]
) -> None:
    with pytest.raises(ValueError):
        await records.select(JobRow, where)


async def test_delete_takes_exactly_the_matches(records: Records, session: SessionRow) -> None:
    await records.insert([job_row(session, position=n) for n in range(5)])
    mine = {"session_id": session.id}

    deleted = await records.delete(JobRow, {**mine, "position": Less(3)})

    assert deleted == 3
    assert await records.count(JobRow, mine) == 2


async def test_the_rows_of_a_session_go_with_it_and_no_new_ones_come(
    records: Records, session: SessionRow
) -> None:
    job = job_row(session)
    await records.insert([job])

    await records.delete(SessionRow, {"id": session.id})

    assert await records.get(JobRow, job.id) is None
    with pytest.raises(SessionNotFound):
        await records.insert([job_row(session)])
    assert await records.select(JobRow, {"session_id": session.id}) == []


async def test_a_session_opened_again_under_its_id_takes_rows(records: Records, session: SessionRow) -> None:
    await records.delete(SessionRow, {"id": session.id})
    await records.insert([session])

    assert await records.insert([job_row(session)]) == 1


async def test_delete_reports_more_than_a_thousand(records: Records, session: SessionRow) -> None:
    file_id = new_id()
    await records.insert([chunk_row(session, file_id=file_id, index=n) for n in range(1100)])

    assert await records.delete(ChunkRow, {"file_id": file_id}) == 1100


async def test_a_ledger_that_is_there_answers(records: Records) -> None:
    await records.ping()
