"""Documents of forecasts come back as they were kept, and never damaged."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.contracts.base import utc_now
from shared.storage import keys
from shared.storage.connect import Storage, open_embedded
from shared.storage.forecast_documents import MOST_IN_ROW_BYTES, forecast_document, keep_forecast
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow
from shared.storage.fsck import check_store
from shared.storage.rows import SessionRow
from shared.storage.verified import ObjectDamaged

SHORT = {"outputs": [{"name": "demand", "values": [1e22, 0.1, None]}], "timezone": "Europe/Vienna"}
LONG = {"outputs": ["x" * MOST_IN_ROW_BYTES]}
OWN = {"owner": "local", "session_id": "s"}


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = await open_embedded(tmp_path)
    await storage.records.insert([SessionRow(id="s", owner="local")])
    yield storage
    await storage.close()


def forecast(*, object_key: str | None = None, sha256: str | None = None) -> ForecastRow:
    return ForecastRow(
        id="f", run_id="r", job_id="j", kind="lin", label="LIN", reference_time=utc_now(),
        last_time=utc_now(), object_key=object_key, sha256=sha256, **OWN,
    )  # fmt: skip


@pytest.mark.parametrize(("document", "n_objects"), [(SHORT, 0), (LONG, 1)], ids=["short", "long"])
async def test_a_document_comes_back_as_it_was_kept_and_a_short_one_needs_no_object(
    storage: Storage, document: dict[str, object], n_objects: int
) -> None:
    await keep_forecast(storage, forecast(), json.dumps(document).encode())

    row = await storage.records.get(ForecastRow, "f")
    assert row is not None
    assert await forecast_document(storage.records, storage.objects, row) == document
    assert len(await storage.objects.list("sessions")) == n_objects
    assert (await check_store(storage)).findings == ()


async def test_what_an_earlier_release_kept_as_an_object_is_read(storage: Storage) -> None:
    content = json.dumps(SHORT).encode()
    await storage.objects.put(keys.forecast("s", "f"), content)
    row = forecast(object_key=keys.forecast("s", "f"), sha256=hashlib.sha256(content).hexdigest())
    await storage.records.insert([row])

    assert await forecast_document(storage.records, storage.objects, row) == SHORT


async def test_a_damaged_document_is_never_told_and_the_check_of_the_store_names_it(storage: Storage) -> None:
    row = await keep_forecast(storage, forecast(), json.dumps(SHORT).encode())
    await storage.records.update(ForecastDocumentRow, "f", {"content": json.dumps(SHORT).replace("1", "2")})

    with pytest.raises(ObjectDamaged):
        await forecast_document(storage.records, storage.objects, row)
    [finding] = (await check_store(storage)).findings
    assert (finding.kind, finding.what) == ("damaged", "the document of forecast f")


async def test_a_forecast_without_its_document_is_named(storage: Storage) -> None:
    row = await keep_forecast(storage, forecast(), json.dumps(SHORT).encode())
    await storage.records.delete(ForecastDocumentRow, {"id": "f"})

    with pytest.raises(ObjectDamaged):
        await forecast_document(storage.records, storage.objects, row)
    [finding] = (await check_store(storage)).findings
    assert (finding.kind, finding.what) == ("missing", "the document of forecast f")
