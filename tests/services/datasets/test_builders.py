"""Data sets are built in processes: they can be ended, refuse as the core does, and let small ones pass."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from services.datasets.builders import PRODUCT, BuildCrashed, Builders, BuildRefused
from services.datasets.core.artefact import build_artefact
from services.datasets.ports import BuildCancelled
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.series.problems import TooLarge
from shared.series.series import Series
from shared.windows.dataset import Dataset
from shared.windows.size_estimate import Limits

MINUTE_NS = 60 * 10**9
BEGIN = pytest.mark.timeout(120)


def minutes(n: int) -> dict[str, Series]:
    return {"s": Series("s", np.arange(n) * MINUTE_NS, np.sin(np.arange(n) / 50.0))}


def spec(n_inputs: int, input_steps: int = 97) -> DatasetSpec:
    """Return windows whose points lie beside each other's, so that each of them is evaluated by itself."""
    inputs = [
        SeriesSpec(series_id="s", name=f"i{k}", role="input", horizon=Horizon(start=-2.0 - k, end=0))
        for k in range(n_inputs)
    ]
    output = SeriesSpec(series_id="s", name="o", role="output", horizon=Horizon(start=1 / 60, end=1))
    return DatasetSpec(series=(*inputs, output), input_steps=input_steps, output_steps=60, stride=1.0)


SMALL, LARGE = (spec(1), minutes(2000)), (spec(4), minutes(200_000))  # a second; a dozen and more


async def wanted() -> bool:
    return False


@pytest.fixture
async def builders() -> AsyncIterator[Builders]:
    opened = Builders(at_once=2, limits=Limits())
    yield opened
    await opened.close()
    assert not children()


async def started(seconds: float) -> None:
    """Wait until a process is there, and a while longer."""
    while not children():  # noqa: ASYNC110  # a process tells nobody that it is there
        await asyncio.sleep(0.1)
    await asyncio.sleep(seconds)


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "services.datasets.child" in one.cmdline()]


@BEGIN
async def test_a_process_builds_what_the_core_builds(builders: Builders, tmp_path: Path) -> None:
    settings, series = SMALL
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    told = await builders.build(settings, series, tmp_path / "a", unwanted=wanted)

    assert told == build_artefact(settings, series, tmp_path / "b")
    built, expected = Dataset.open(tmp_path / "a" / PRODUCT), Dataset.open(tmp_path / "b")
    assert np.array_equal(built.x(), expected.x())


@BEGIN
async def test_a_data_set_nobody_waits_for_is_ended_within_two_seconds(
    builders: Builders, tmp_path: Path
) -> None:
    stopped: list[float] = []

    async def unwanted() -> bool:
        return bool(stopped)

    settings, series = LARGE
    work = asyncio.create_task(builders.build(settings, series, tmp_path, unwanted=unwanted))
    await started(2)
    assert not work.done()

    stopped.append(time.monotonic())
    with pytest.raises(BuildCancelled):
        await work

    assert time.monotonic() - stopped[0] < 2
    assert not children()


@BEGIN
async def test_a_small_data_set_does_not_wait_for_large_ones(builders: Builders, tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(4)]
    for folder in folders:
        folder.mkdir()
    large = [asyncio.create_task(builders.build(*LARGE, folder, unwanted=wanted)) for folder in folders[:3]]
    await asyncio.sleep(0.5)

    told = await builders.build(*SMALL, folders[3], unwanted=wanted)

    assert told["n_windows"]
    assert not any(work.done() for work in large)
    for work in large:
        work.cancel()
    await asyncio.gather(*large, return_exceptions=True)


@BEGIN
async def test_a_refusal_of_the_core_is_told_as_it_is(builders: Builders, tmp_path: Path) -> None:
    holes = Series("s", np.arange(600) * MINUTE_NS, np.where(np.arange(600) % 60, np.nan, 1.0))

    with pytest.raises(BuildRefused) as refused:
        await builders.build(spec(1), {"s": holes}, tmp_path, unwanted=wanted)

    assert refused.value.problem().code == "NO_WINDOW_FITS"
    assert refused.value.problem().suggestions


async def test_what_would_take_too_long_is_refused_with_the_numbers_before_a_process_starts(
    tmp_path: Path,
) -> None:
    builders = Builders(at_once=2, limits=Limits(max_seconds=5))

    with pytest.raises(TooLarge, match="seconds of work, at most 5 are allowed") as refused:
        await builders.build(*LARGE, tmp_path, unwanted=wanted)

    estimate = refused.value.details["estimate"]
    assert isinstance(estimate, dict)
    assert (estimate["n_windows"], estimate["n_rows"]) == (199_640, 200_000)
    assert not children()


@BEGIN
async def test_a_process_that_ends_without_an_answer_is_no_answer(builders: Builders, tmp_path: Path) -> None:
    work = asyncio.create_task(builders.build(*LARGE, tmp_path, unwanted=wanted))
    await started(1)

    for process in children():
        process.kill()

    with pytest.raises(BuildCrashed):
        await work
