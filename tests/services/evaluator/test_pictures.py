"""A picture in another theme is drawn once, kept with its digest, and drawn again when it was damaged."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.evaluator.core.figures.render import to_json
from services.evaluator.core.figures.training import training_history
from services.evaluator.core.problems import PlotNotFound
from services.evaluator.plots import plot_row
from services.evaluator.report import ReportWriter
from services.evaluator.storage import LedgerResults
from shared.storage.connect import Storage
from shared.storage.fsck import check_store
from shared.storage.rows import PlotRow, RunRow
from shared.storage.verified import ObjectDamaged
from tests.support.runs import ledger, planned_run

PATH = "plots/training_history"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await ledger(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def reporter(storage: Storage) -> AsyncIterator[ReportWriter]:
    writer = ReportWriter(storage, LedgerResults(storage))
    yield writer
    writer.close()


async def drawn_run(storage: Storage) -> tuple[RunRow, PlotRow]:
    """Store a run with one picture, light, and its numbers."""
    run, _ = await planned_run(storage)
    numbers = json.dumps(to_json(training_history("LSTM", {"loss": [0.4, 0.2]}))).encode()
    row = plot_row(run, f"{PATH}.png", {})
    stem = row.object_key.removesuffix(".png")
    stored = {end: await storage.objects.put(f"{stem}.{end}", numbers) for end in ("png", "json")}
    row = row.changed(settings={end: one.digest for end, one in stored.items()})
    await storage.records.insert([row])
    return run, row


async def test_a_dark_picture_is_kept_with_its_digest_and_drawn_again_once_damaged(
    storage: Storage, reporter: ReportWriter
) -> None:
    run, row = await drawn_run(storage)

    key, sha256 = await reporter.picture(run, "training_history", "dark")
    first = await storage.objects.get(key)
    kept = await storage.records.get(PlotRow, row.id)
    await storage.objects.put(key, first[:-1] + b"?")
    damaged = [finding.key for finding in (await check_store(storage)).errors if finding.kind == "damaged"]
    again = await reporter.picture(run, "training_history", "dark")

    assert kept is not None
    assert kept.settings["dark.png"] == sha256
    assert damaged == [key]
    assert again == (key, sha256)
    assert await storage.objects.get(key) == first


async def test_a_dark_picture_of_an_earlier_release_gets_a_digest(
    storage: Storage, reporter: ReportWriter
) -> None:
    run, row = await drawn_run(storage)
    await storage.objects.put(row.object_key.removesuffix("png") + "dark.png", b"of whatever bytes")

    key, sha256 = await reporter.picture(run, "training_history", "dark")

    assert (await storage.objects.get(key)).startswith(b"\x89PNG")
    assert sha256 is not None


async def test_nothing_is_drawn_from_damaged_numbers(storage: Storage, reporter: ReportWriter) -> None:
    run, row = await drawn_run(storage)
    await storage.objects.put(row.object_key.removesuffix("png") + "json", b"{}")

    with pytest.raises(ObjectDamaged):
        await reporter.picture(run, "training_history", "dark")
    with pytest.raises(PlotNotFound):
        await reporter.picture(run, "of/nothing", "dark")
