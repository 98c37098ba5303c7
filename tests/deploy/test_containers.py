"""docker-compose.yml for real: built, started, used, hurt, scaled, restarted, watched, stopped.

Needs Docker's engine; where there is none, ``tests/deploy/engine.sh start`` sets one up on a Debian machine.
The tests share one platform and come in the order of a day's work. What was measured on the way lies in
``var/deploy/figures.json``.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.dashboards import pictures
from shared.contracts.kinds import BoostSpec, LinearSpec, LstmSpec, ModelSpec
from shared.messaging.permissions import SERVICES
from tests.support.clamd import EICAR
from tests.support.containers import ROOT, Compose, docker, missing
from tests.support.load import READING, short_files, short_plan
from trainyard.client import ApiError, AsyncClient
from trainyard.deployment.dashboards import BOARDS
from trainyard.responses import Run, RunResults

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
OURS = (*SERVICES, "planner")
PROJECT = "trainyard-test"
HALF_A_MINUTE: tuple[ModelSpec, ...] = (LinearSpec(), LstmSpec(layers=(16,), epochs=500, patience=0))
TWO_MINUTES: tuple[ModelSpec, ...] = (LinearSpec(), LstmSpec(layers=(32,), epochs=1000, patience=0))
FIGURES: dict[str, Any] = {}
BEGAN = time.monotonic()
# a machine without a GPU, and a day on which nothing went wrong
MAY_BE_SILENT = {"GPU in use", "Problems with data", "Messages that did not go well"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """The whole platform, built and started; nothing of it is left afterwards."""
    if why := missing():
        pytest.skip(f"DOCKER IS NOT HERE ({why}): no image was built and no container ran")
    compose = Compose(tmp_path_factory.mktemp("compose"), PROJECT)
    try:
        began = time.monotonic()
        compose.say("build")
        FIGURES["build_seconds"] = round(time.monotonic() - began)
        began = time.monotonic()
        compose.up()
        compose.wait_healthy("nats", *OURS)
        FIGURES["ready_seconds"] = round(time.monotonic() - began)
        compose.say("--profile", "monitoring", "up", "-d", "--no-build", "--no-deps", "prometheus")
        yield compose
    finally:
        compose.say("--profile", "monitoring", "--profile", "scan", "down", "-v", "-t", "30")
        folder = ROOT / "var" / "deploy"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "figures.json").write_text(json.dumps(FIGURES, indent=1) + "\n")


async def begin(client: AsyncClient, models: tuple[ModelSpec, ...]) -> Run:
    session = await client.create_session("containers")
    for file in short_files():
        await client.upload(session, file.content, role="input", name=file.name, options=READING)
    return await client.run(session, short_plan(await client.series(session)), models)


async def finished(client: AsyncClient, run: Run) -> RunResults:
    """Wait for the end; every model once on the leaderboard, every job once among the jobs."""
    results = await client.wait(run.session_id, run.run_id, timeout=600)
    status = await client.status(run.session_id, run_id=run.run_id)
    labels = [row["label"] for row in results.leaderboard["rows"]]
    assert results.status == "completed"
    assert len(labels) == len(set(labels)) >= 2
    assert {job["status"] for job in status.jobs} == {"finished"}, status.jobs
    assert len({job["job_id"] for job in status.jobs}) == len(status.jobs)
    return results


async def until_epoch(client: AsyncClient, run: Run, epoch: int, *, after: float = 0.0) -> None:
    """Wait until the LSTM tells of this epoch, or a later one, after a moment of the epoch."""
    async with asyncio.timeout(240):
        async for event in client.watch(run.session_id, run.run_id):
            late = event.time is not None and datetime.fromisoformat(event.time).timestamp() > after
            if event.type == "model.progress" and (event.data.get("epoch") or 0) >= epoch and late:
                return
    raise AssertionError("the run ended first")


def test_every_image_is_built_and_says_what_it_is(stack: Compose) -> None:
    sizes = {}
    for name in ("nats", *SERVICES):
        about = json.loads(docker("image", "inspect", f"trainyard/{name}:dev"))[0]
        sizes[name] = round(about["Size"] / 1e6)
        assert about["Config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0", name
        assert about["Config"]["User"] == "10001:10001", name
    FIGURES["image_megabytes"] = sizes

    assert sizes["trainer"] < 1900
    assert sizes["gateway"] < 300


def test_every_part_is_well_and_nobody_of_importance(stack: Compose) -> None:
    stack.wait_healthy("nats", *OURS)

    for name in ("nats", *OURS):
        for container in stack.containers(name):
            about = stack.inspect(container)
            assert about["HostConfig"]["ReadonlyRootfs"], name
            assert about["HostConfig"]["CapDrop"] == ["ALL"], name
            assert docker("exec", container, "id", "-u").strip() == "10001", name


async def test_a_run_goes_from_upload_to_verdict(stack: Compose) -> None:
    began = time.monotonic()
    async with AsyncClient(stack.url) as client:
        run = await begin(client, (LinearSpec(), BoostSpec(), LstmSpec(layers=(16,), epochs=3)))
        results = await finished(client, run)

    FIGURES["first_run_seconds"] = round(time.monotonic() - began, 1)
    FIGURES["memory_mib"] = stack.memory()
    labels = {row["label"] for row in results.leaderboard["rows"]}
    assert {"LIN", "LSTM", "LGBMR"} <= labels


async def test_a_trainer_killed_in_mid_fit_is_replaced_and_the_run_ends_once(stack: Compose) -> None:
    stack.up("--scale", "trainer=2")
    stack.wait_healthy("trainer")
    async with AsyncClient(stack.url) as client:
        run = await begin(client, HALF_A_MINUTE)
        await until_epoch(client, run, 3)
        fits = 'trainyard_trainer_fits{kind="lstm"'
        [victim] = [c for c in stack.containers("trainer") if _metric(c, fits) > 0]
        reached = _metric(victim, "trainyard_trainer_epoch{")
        docker("kill", victim)
        began = time.monotonic()
        [other] = stack.containers("trainer")
        while _metric(other, "trainyard_trainer_epoch{") < reached:
            assert time.monotonic() - began < 200
            await asyncio.sleep(1)
        FIGURES["taken_over_after_seconds"] = round(time.monotonic() - began, 1)
        assert _metric(other, "trainyard_trainer_takeovers_total{") == 1
        await finished(client, run)

    stack.up("--scale", "trainer=2")
    stack.wait_healthy("trainer")


def _metric(container: str, name: str) -> float:
    """Ask a trainer for the sum of a metric over its labels, or of those it is named with."""
    address = "http://127.0.0.1:9100/metrics"
    ask = f"import urllib.request as u; print(u.urlopen('{address}', timeout=5).read().decode())"
    lines = docker("exec", container, "python", "-c", ask).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


async def test_three_trainers_share_the_jobs(stack: Compose) -> None:
    began = time.monotonic()
    stack.up("--scale", "trainer=3")
    stack.wait_healthy("trainer")
    FIGURES["scaled_to_three_seconds"] = round(time.monotonic() - began, 1)
    specs = tuple(LstmSpec(layers=(units,), epochs=300, patience=0) for units in (8, 12, 16))
    async with AsyncClient(stack.url) as client:
        run = await begin(client, specs)
        busy: set[str] = set()
        watching = asyncio.create_task(finished(client, run))
        while not watching.done():
            found = await asyncio.to_thread(
                lambda: {c for c in stack.containers("trainer") if _metric(c, "trainyard_trainer_fits{") > 0}
            )
            busy |= found
            await asyncio.sleep(0.5)
        await watching

    assert len(busy) == 3


async def test_every_service_is_restarted_during_a_run_which_ends_all_the_same(stack: Compose) -> None:
    async with AsyncClient(stack.url) as client:
        run = await begin(client, TWO_MINUTES)
        await until_epoch(client, run, 2)
        began = time.monotonic()
        for service in OURS:
            stack.say("restart", "-t", "30", service)
            stack.wait_healthy(service)
        FIGURES["rolling_restart_seconds"] = round(time.monotonic() - began, 1)
        await finished(client, run)


async def test_a_forecast_is_scored_when_its_truth_arrives(stack: Compose) -> None:
    n_rows, n_more = 1500, 48
    more = {f.name: f.content.splitlines()[n_rows + 1 :][:n_more] for f in short_files(n_rows + n_more)}
    async with AsyncClient(stack.url) as client:
        session = await client.create_session("watched")
        ids = {}
        for file in short_files(n_rows):
            found = await client.upload(session, file.content, role="input", name=file.name, options=READING)
            ids[file.name] = found.id
        run = await client.run(session, short_plan(await client.series(session)), (LinearSpec(),))
        await finished(client, run)
        await client.forecast(session)
        for name, lines in more.items():
            head = f"time,{name.removesuffix('.csv')}".encode()
            await client.extend(ids[name], b"\n".join([head, *lines, b""]).decode())

        async with asyncio.timeout(60):
            models = (await client.monitoring(session)).models
            while not models or models[0].n_open:
                await asyncio.sleep(0.5)
                models = (await client.monitoring(session)).models

    assert models[0].targets[0].n_values == 12


def test_prometheus_sees_every_target_and_answers_every_panel(stack: Compose) -> None:
    url = f"http://127.0.0.1:{stack.prometheus_port}"

    targets = _all_up(url, len(OURS) + 2)

    assert {target["labels"]["service"] for target in targets} == set(OURS)
    end = time.monotonic() + 60  # the forecast scored last is seen with the next scrape
    while not _asked(url, "sum(trainyard_live_forecast_skill_ratio_count)") and time.monotonic() < end:
        time.sleep(1)
    end = time.monotonic() + 90  # a line needs two points
    while (silent := _silent(url)) and time.monotonic() < end:
        time.sleep(5)
    assert silent == set()


def _silent(url: str) -> set[str]:
    """Draw every panel; return those without data that should have some."""
    shown = pictures(url, ROOT / "var" / "deploy" / "pictures", minutes=(time.monotonic() - BEGAN) / 60)
    FIGURES["panels_with_data"] = {name: len(titles) for name, titles in shown.items()}
    titles = {
        panel.title
        for name, (_, panels) in BOARDS.items()
        for panel in panels
        if panel.title not in shown[name]
    }
    return titles - MAY_BE_SILENT


def _asked(url: str, query: str) -> float:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=5).json()
    return sum(float(sample["value"][1]) for sample in answer["data"]["result"])


def _all_up(url: str, n: int) -> list[dict[str, Any]]:
    end = time.monotonic() + 120
    found: list[dict[str, Any]] = []
    while time.monotonic() < end:
        try:
            found = httpx.get(f"{url}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
            if len(found) == n and all(target["health"] == "up" for target in found):
                return found
        except (httpx.HTTPError, json.JSONDecodeError):  # it is starting
            pass
        time.sleep(2)
    raise AssertionError([(t["labels"], t["health"], t["lastError"]) for t in found])


async def test_with_the_profile_scan_an_infected_file_is_refused(stack: Compose) -> None:
    stack.set("TRAINYARD_CLAMD", "clamd:3310")
    stack.say("--profile", "scan", "up", "-d", "--no-build", "--no-deps", "clamd", "ingest")
    stack.wait_healthy("ingest")
    async with AsyncClient(stack.url) as client:
        session = await client.create_session("scanned")
        with pytest.raises(ApiError) as refused:
            await client.upload(session, EICAR, role="input", name="bad.csv", options=READING)
        [clean, *_] = short_files()
        found = await client.upload(session, clean.content, role="input", name=clean.name, options=READING)

    assert refused.value.answer.code == "FILE_INFECTED"
    assert found.status == "ready"


def test_every_service_ends_with_code_0_when_it_is_stopped(stack: Compose) -> None:
    began = time.monotonic()
    stack.say("stop", "-t", "30", *OURS)
    FIGURES["stop_seconds"] = round(time.monotonic() - began, 1)

    codes = {
        service: {stack.inspect(c)["State"]["ExitCode"] for c in stack.containers(service, stopped=True)}
        for service in OURS
    }
    assert codes == {service: {0} for service in OURS}


def test_the_figures_are_complete(stack: Compose, tmp_path: Path) -> None:
    assert {"image_megabytes", "memory_mib", "ready_seconds", "taken_over_after_seconds"} <= set(FIGURES)
