"""Forecasts meet their truth on a real ledger: once, in parts, after corrections, by several at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.evaluator.handlers import score_forecasts
from services.evaluator.metrics import ForecastMetrics
from services.evaluator.monitoring import LedgerMonitoring, MonitoringQuestion
from services.evaluator.storage import LedgerResults
from shared.contracts.base import new_id
from shared.contracts.events import ForecastsScored, RowsArrived
from shared.contracts.kinds import LinearSpec
from shared.series.series import Series
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes, json_to_bytes
from shared.storage.connect import Storage
from shared.storage.folders import put_tree
from shared.storage.forecast_documents import keep_forecast
from shared.storage.forecast_rows import ForecastRow
from shared.storage.rows import DatasetRow, JobRow, SeriesRow, SessionRow
from shared.windows.dataset import build_dataset
from tests.support.forecasting import HOUR_NS, hourly_series, small_dataset
from tests.support.runs import ledger

N_TRAINED, N_ALL, STEPS = 700, 1200, 6
ROWS = hourly_series(N_ALL)
Json = dict[str, Any]


class Yard:
    """A session with a model that has forecast, and rows that go on arriving."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.registry = storage, CollectorRegistry()
        self.metrics = ForecastMetrics(self.registry)
        self.session = SessionRow(id=new_id(), owner="ada")
        self.job = JobRow(
            id=new_id(), owner="ada", session_id=self.session.id, run_id=new_id(), dataset_id=new_id(),
            position=0, kind="lin", label="LIN", spec=LinearSpec(), status="finished",
        )  # fmt: skip

    def monitoring(self) -> LedgerMonitoring:
        """Return one more replica."""
        return LedgerMonitoring(self.storage, LedgerResults(self.storage), self.metrics)

    async def furnish(self, folder: Path) -> None:
        known = {name: _cut(series, N_TRAINED) for name, series in ROWS.items()}
        build_dataset(small_dataset(N_TRAINED).spec, known).save(folder)
        await self.storage.records.insert([self.session, self.job])
        key = keys.dataset(self.session.id, self.job.dataset_id)
        await put_tree(self.storage.objects, folder, key)
        await self.storage.records.insert(
            [
                DatasetRow(
                    id=self.job.dataset_id, owner="ada", session_id=self.session.id, status="ready",
                    spec=small_dataset(N_TRAINED).spec, object_key=key,
                )
            ]
        )  # fmt: skip
        await self.rows_until(N_TRAINED)

    async def rows_until(self, n: int, *, shift: float = 0.0) -> None:
        """Store the rows there are now; ``shift`` corrects those after training."""
        for name, series in ROWS.items():
            values = series.values[:n].copy()
            values[N_TRAINED:] += shift
            grown = Series(name, series.times_ns[:n], values)
            key = keys.series_version(self.session.id, name, n)
            stored = await self.storage.objects.put(key, arrays_to_bytes(grown.to_arrays()))
            row = SeriesRow(
                id=name, owner="ada", session_id=self.session.id, file_id="0" * 32, position=0, name=name,
                object_key=key, sha256=stored.digest, statistics={}, quality={},
            )  # fmt: skip
            if not await self.storage.records.insert([row]):
                await self.storage.records.update(
                    SeriesRow, name, {"object_key": key, "sha256": stored.digest}
                )

    async def forecast(self, ref: int, *, error: float, half_width: float = 1.0) -> ForecastRow:
        """Store a forecast from row ``ref`` on that is wrong by ``error`` everywhere."""
        outputs: list[Json] = []
        for name in ("load", "export"):
            values = []
            for step in range(1, STEPS + 1):
                value = float(ROWS[name].values[ref + step]) + error
                interval = {"level": 95.0, "lower": value - half_width, "upper": value + half_width}
                values.append({"time": _at(ref + step).isoformat(), "value": value, "intervals": [interval]})
            outputs.append({"name": name, "series_id": name, "values": values})
        document: Json = {"reference_time": _at(ref).isoformat(), "outputs": outputs}
        row = ForecastRow(
            id=new_id(), owner="ada", session_id=self.session.id, run_id=self.job.run_id,
            job_id=self.job.id, kind="lin", label="LIN", reference_time=_at(ref), last_time=_at(ref + STEPS),
        )  # fmt: skip
        return await keep_forecast(self.storage, row, json_to_bytes(document))

    async def kept(self, row: ForecastRow) -> ForecastRow:
        found = await self.storage.records.get(ForecastRow, row.id)
        assert found is not None
        return found


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    storage = await ledger(tmp_path / "store")
    yard = Yard(storage)
    try:
        await yard.furnish(tmp_path / "dataset")
        yield yard
    finally:
        await storage.close()


async def test_a_forecast_is_scored_as_far_as_its_truth_has_arrived(yard: Yard) -> None:
    row = await yard.forecast(N_TRAINED - 1, error=2.0)
    monitoring = yard.monitoring()

    before = await monitoring.score(yard.session.id)
    await yard.rows_until(N_TRAINED + 2)
    partly, half = await monitoring.score(yard.session.id), await yard.kept(row)
    await yard.rows_until(N_TRAINED + STEPS)
    fully, done = await monitoring.score(yard.session.id), await yard.kept(row)

    assert (before, partly, fully) == (0, 1, 1)
    assert (half.scored, half.n_scored) == (False, 2 * 2)
    assert (done.scored, done.n_scored) == (True, 2 * STEPS)
    target = _target(done)
    assert target["mae"] == pytest.approx(2.0)
    assert target["bias"] == pytest.approx(2.0)
    assert target["coverage"] == [{"level": 95.0, "n": STEPS, "inside": 0}]


async def test_skill_is_against_the_rows_one_season_before_what_was_known(yard: Yard) -> None:
    ref = N_TRAINED - 1
    row = await yard.forecast(ref, error=0.5)
    await yard.rows_until(N_TRAINED + STEPS)

    await yard.monitoring().score(yard.session.id)

    target = _target(await yard.kept(row))
    load = ROWS["load"].values
    season = round(target["season_hours"])
    earlier = load[ref + 1 - season : ref + 1 - season + STEPS]
    naive = np.abs(load[ref + 1 : ref + 1 + STEPS] - earlier).mean()
    scale = np.abs(np.diff(load[:N_TRAINED])).mean()
    assert season in (24, 168)
    assert target["naive_mae"] == pytest.approx(naive)
    assert target["skill"] == pytest.approx(1 - 0.5 / naive)
    assert target["mase"] == pytest.approx(0.5 / scale, rel=0.1)  # the training part ends earlier


async def test_scoring_again_and_by_two_replicas_changes_and_counts_nothing_twice(yard: Yard) -> None:
    rows = [await yard.forecast(N_TRAINED + k, error=1.0) for k in range(5)]
    await yard.rows_until(N_TRAINED + 50)
    replicas = [yard.monitoring(), yard.monitoring()]

    changed = await asyncio.gather(*(one.score(yard.session.id) for one in replicas))
    kept = [await yard.kept(row) for row in rows]
    again = await replicas[0].score(yard.session.id, since=_at(N_TRAINED))

    assert sum(changed) == len(rows)
    assert again == 0
    assert [row.revision for row in kept] == [1] * len(rows)
    counted = yard.registry.get_sample_value("trainyard_live_forecast_skill_ratio_count", {"kind": "lin"})
    assert counted == 2 * len(rows)


async def test_corrected_rows_change_the_scores_of_forecasts_that_reach_there(yard: Yard) -> None:
    row = await yard.forecast(N_TRAINED - 1, error=0.0)
    earlier = await yard.forecast(N_TRAINED - 100, error=0.0)
    await yard.rows_until(N_TRAINED + STEPS)
    monitoring = yard.monitoring()
    await monitoring.score(yard.session.id)

    await yard.rows_until(N_TRAINED + STEPS + 1, shift=3.0)
    event = RowsArrived.first(
        session_id=yard.session.id, file_id="0" * 32, version=2, n_rows=7, since=_at(N_TRAINED)
    )
    said = await score_forecasts(event, monitoring)

    assert isinstance(said, ForecastsScored)
    assert said.n_forecasts == 1
    assert _target(await yard.kept(row))["mae"] == pytest.approx(3.0)
    assert _target(await yard.kept(earlier))["mae"] == pytest.approx(0.0)


async def test_the_report_is_of_the_last_forecasts_and_names_what_is_alarming(yard: Yard) -> None:
    for k in range(20):
        await yard.forecast(N_TRAINED + k, error=0.1 if k < 10 else 40.0)
    await yard.rows_until(N_TRAINED + 40)

    question = MonitoringQuestion(session_id=yard.session.id)
    newest: Any = await yard.monitoring().report(question.model_copy(update={"last": 10}))
    together: Any = await yard.monitoring().report(question)

    target = newest["models"][0]["targets"][0]
    assert target["n_forecasts"] == 10
    assert target["mae"] == pytest.approx(40.0)
    assert target["alerts"] == ["skill_below_zero", "coverage_95_out_of_band"]
    assert together["models"][0]["targets"][0]["mae"] == pytest.approx(20.05)


async def test_rows_of_another_distribution_are_drift_and_more_of_the_same_are_not(yard: Yard) -> None:
    await yard.forecast(N_TRAINED, error=0.0)
    question = MonitoringQuestion(session_id=yard.session.id, drift_days=20)
    await yard.rows_until(N_ALL)
    same = await yard.monitoring().report(question)
    await yard.rows_until(N_ALL - 1, shift=60.0)
    moved = await yard.monitoring().report(question)

    def drifted(found: Json) -> dict[str, bool | None]:
        return {one["name"]: one["drifted"] for one in found["models"][0]["inputs"]}

    assert drifted(same)["load"] is False
    assert drifted(moved)["load"] is True


def _target(row: ForecastRow) -> Json:
    targets: Any = row.scores["targets"]
    found: Json = targets[0]
    return found


def _at(row: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=row)


def _cut(series: Series, n: int) -> Series:
    assert series.times_ns[1] == HOUR_NS
    return Series(series.name, series.times_ns[:n], series.values[:n])
