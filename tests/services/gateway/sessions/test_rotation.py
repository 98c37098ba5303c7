"""Forecasts are rotated: the newest of each session stay, with their documents; nothing else is touched."""

from datetime import timedelta

from services.gateway.sessions.cleanup import rotate_forecasts
from services.gateway.settings import GatewaySettings
from shared.contracts.base import new_id, utc_now
from shared.storage import keys
from shared.storage.forecast_documents import keep_forecast
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow
from shared.storage.rows import SessionRow
from shared.storage.schedule_rows import FiringRow
from tests.services.gateway.house import House
from tests.support.ledger_rows import session_row

KEEP = 12


async def _forecasts(house: House, session: SessionRow, n: int, *, n_objects: int = 0) -> list[ForecastRow]:
    """Keep n forecasts, the first ones with objects as earlier releases did."""
    begun = utc_now() - timedelta(days=1)
    rows = [
        ForecastRow(
            id=(forecast_id := new_id()), owner=session.owner, session_id=session.id, run_id=new_id(),
            job_id=new_id(), kind="lin", label="LIN", reference_time=begun, last_time=begun,
            object_key=keys.forecast(session.id, forecast_id) if k < n_objects else None,
            created_at=begun + timedelta(minutes=k),
        )
        for k in range(n)
    ]  # fmt: skip
    await house.records.insert([session])
    for row in rows:
        if row.object_key is None:
            await keep_forecast(house.gateway.service_storage, row, b"{}")
        else:
            await house.gateway.service_storage.objects.put(row.object_key, b"{}")
            await house.records.insert([row])
    return rows


async def test_the_newest_forecasts_of_each_session_stay_with_their_documents(house: House) -> None:
    storage = house.gateway.service_storage
    many, few = session_row("local"), session_row("local")
    rows = await _forecasts(house, many, KEEP + 7, n_objects=9)
    others = await _forecasts(house, few, KEEP)

    removed = await rotate_forecasts(storage, keep=KEEP)
    again = await rotate_forecasts(storage, keep=KEEP)

    kept = await house.records.select(ForecastRow, {"session_id": many.id})
    assert (removed, again) == (7, 0)
    assert [row.id for row in kept] == [row.id for row in rows[7:]]
    assert await storage.objects.list(keys.session(many.id)) == sorted(
        row.object_key for row in kept if row.object_key
    )
    documents = await house.records.select(ForecastDocumentRow, {"session_id": many.id})
    assert {row.id for row in documents} == {row.id for row in kept if not row.object_key}
    assert await house.records.count(ForecastRow, {"session_id": few.id}) == len(others)


async def test_due_times_are_remembered_for_more_than_a_year(house: House) -> None:
    session = session_row("local")
    own = {"owner": "local", "session_id": session.id, "schedule_id": new_id()}
    ages = {"new": timedelta(days=380), "old": timedelta(days=420)}
    firings = [
        FiringRow(id=name, due=utc_now() - age, local_day="-", status="done", **own)
        for name, age in ages.items()
    ]
    await house.records.insert([session, *firings])

    await rotate_forecasts(house.gateway.service_storage, keep=KEEP)

    assert [row.id for row in await house.records.select(FiringRow, {})] == ["new"]


async def test_of_ten_thousand_forecasts_the_ledger_keeps_two_thousand(house: House) -> None:
    storage, session, begun = house.gateway.service_storage, session_row("local"), utc_now()
    rows = [
        ForecastRow(
            id=new_id(), owner="local", session_id=session.id, run_id="r", job_id="j",
            kind="lin", label="LIN", reference_time=begun, last_time=begun,
            created_at=begun + timedelta(seconds=k),
        )
        for k in range(10_000)
    ]  # fmt: skip
    documents = [
        ForecastDocumentRow(id=row.id, owner="local", session_id=session.id, content="{}") for row in rows
    ]
    await house.records.insert([session, *documents, *rows])

    removed = await rotate_forecasts(storage, keep=GatewaySettings().gateway_forecasts_kept)

    kept = await house.records.select(ForecastRow, {"session_id": session.id})
    assert (removed, len(kept)) == (8_000, 2_000)
    assert {row.id for row in kept} == {row.id for row in rows[-2_000:]}
    left = await house.records.select(ForecastDocumentRow, {"session_id": session.id})
    assert {row.id for row in left} == {row.id for row in kept}
