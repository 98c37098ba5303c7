"""The check of a store knows every object a row names: what it calls leftover may be deleted."""

from pathlib import Path

from shared.contracts.base import utc_now
from shared.storage import keys
from shared.storage.connect import open_embedded
from shared.storage.forecast_rows import ForecastRow, RowBatchRow
from shared.storage.fsck import check_store, remove_leftovers
from shared.storage.registry_rows import ModelVersionRow, StageChangeRow
from shared.storage.rows import FileRow, SeriesRow, SessionRow

OWN = {"owner": "local", "session_id": "s"}


async def test_rows_that_came_later_and_forecasts_are_no_leftovers(tmp_path: Path) -> None:
    storage = await open_embedded(tmp_path)
    try:
        newest, base = keys.series_version("s", "x", 1), keys.series("s", "x")
        batch, forecast = f"{keys.batches('s', 'f')}/000001-a.npz", keys.forecast("s", "1")
        stored = {key: await storage.objects.put(key, b"rows") for key in (newest, base, batch, forecast)}
        await storage.records.insert(
            [
                SessionRow(id="s", owner="local"),
                FileRow(
                    id="f", role="input", file_name="a.csv", total_chunks=1, status="ready", **OWN
                ),
                SeriesRow(
                    id="x", file_id="f", position=0, name="a", object_key=newest, base_key=base, version=1,
                    sha256=stored[newest].digest, statistics={}, quality={}, **OWN,
                ),
                RowBatchRow(
                    id="b", file_id="f", version=1, available_at=utc_now(), n_rows=1, n_new=1, n_changed=0,
                    object_key=batch, **OWN,
                ),
                ForecastRow(
                    id="1", run_id="r", job_id="j", kind="lin", label="LIN", reference_time=utc_now(),
                    last_time=utc_now(), object_key=forecast, **OWN,
                ),
            ]
        )  # fmt: skip

        report = await check_store(storage)
        removed = await remove_leftovers(storage, report)

        assert report.findings == ()
        assert removed == 0
    finally:
        await storage.close()


async def test_a_version_of_no_job_and_a_stage_of_no_version_are_contradictions(tmp_path: Path) -> None:
    storage = await open_embedded(tmp_path)
    try:
        await storage.records.insert(
            [
                SessionRow(id="s", owner="local"),
                ModelVersionRow(id="v", number=1, run_id="r", job_id="gone", kind="lin", label="LIN", **OWN),
                StageChangeRow(id="c", number=1, version=2, stage="champion", **OWN),
            ]
        )

        report = await check_store(storage)

        assert [finding.what for finding in report.errors] == [
            "model version 1 is of no job",
            "stage change 1 is of no model version",
        ]
    finally:
        await storage.close()
