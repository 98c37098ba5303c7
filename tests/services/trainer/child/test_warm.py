"""The warm child: it fits, forecasts, refuses, dies on request, and takes nobody with it."""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import pytest_asyncio
import structlog

from services.trainer.child.process import MemoryExceeded, WorkerCrashed
from services.trainer.child.protocol import (
    ExplainOutcome,
    ExplainTask,
    ExportOutcome,
    ExportTask,
    PredictOutcome,
    PredictTask,
    TrainTask,
)
from services.trainer.child.warm import FitCancelled, FitRefused, WarmChild, WorkerStalled
from services.trainer.core.model import Progress
from shared.contracts.kinds import ArLstmSpec, DenseSpec, LastValueSpec, LinearSpec, LstmSpec, ModelSpec
from shared.contracts.specs import Split
from shared.scoring.forecasts import Forecast
from shared.storage.codecs import bytes_to_arrays
from shared.windows.dataset import Dataset, build_dataset
from tests.support.forecasting import hourly_series, small_dataset, stored_dataset

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one warm child for all tests

ENDLESS = LstmSpec(layers=(64, 64), epochs=1000, patience=0, batch_size=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored_dataset(tmp_path_factory.mktemp("data") / "dataset")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker() -> AsyncIterator[WarmChild]:
    worker = WarmChild(threads=1, warm_for=())
    await worker.start()
    yield worker
    await worker.stop()


async def test_a_fit_leaves_model_forecasts_history_and_passport(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []

    outcome = await worker.train(task(LinearSpec(), dataset, tmp_path), collector(seen))

    assert set(os.listdir(tmp_path)) == set(outcome.files)
    assert {"model.npz", "model.onnx", "model.skops", "passport.json"} <= set(outcome.files)
    assert outcome.metrics["test"]["rmse"] is not None
    assert seen
    forecast = Forecast.from_arrays(bytes_to_arrays((tmp_path / "forecasts.npz").read_bytes()))
    opened = Dataset.open(dataset)
    np.testing.assert_array_equal(forecast.test.y_true, opened.y_true(opened.indices("test")))


async def test_a_stored_model_forecasts_new_windows_as_it_did(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    await worker.train(task(LinearSpec(), dataset, tmp_path), ignore)
    stored = Forecast.from_arrays(bytes_to_arrays((tmp_path / "forecasts.npz").read_bytes()))
    opened = Dataset.open(dataset)
    windows, answer = tmp_path / "windows.npz", tmp_path / "answer.npz"
    np.savez(windows, x=opened.x(opened.indices("test"), scaled=False))

    outcome = await worker.answer(PredictTask(model=tmp_path, windows=windows, output=answer), PredictOutcome)

    assert outcome.n_windows == len(stored.test)
    np.testing.assert_allclose(np.load(answer)["y_pred"], stored.test.y_pred, rtol=1e-4, atol=1e-3)


@pytest.mark.keras
async def test_a_stored_network_becomes_h5_when_asked_and_keras_reads_it(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    spec = DenseSpec(layers=(8,), epochs=1, residual=False)
    await worker.train(task(spec, dataset, tmp_path), ignore)
    stored = Forecast.from_arrays(bytes_to_arrays((tmp_path / "forecasts.npz").read_bytes()))
    opened = Dataset.open(dataset)
    order = ExportTask(model=tmp_path, format="h5", output=tmp_path / "model.h5")

    first, again = await worker.answer(order, ExportOutcome), await worker.answer(order, ExportOutcome)

    import keras

    import services.trainer.core.networks.layers  # noqa: F401  # makes our layers known to keras

    network = keras.saving.load_model(tmp_path / "model.h5", compile=False)
    y = network.predict_on_batch([opened.x(opened.indices("test"))]).astype(np.float64)
    np.testing.assert_allclose(opened.layout.y_scaler.inverse(y), stored.test.y_pred, rtol=1e-5)
    assert first == again


async def test_a_stored_model_says_what_it_relies_on_the_same_each_time(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    await worker.train(task(LinearSpec(), dataset, tmp_path), ignore)

    question = ExplainTask(model=tmp_path, dataset=dataset)
    first, again = [await worker.answer(question, ExplainOutcome) for _ in range(2)]

    rises = {one.name: one.rise or 0.0 for one in first.inputs}
    assert first.inputs == again.inputs
    assert rises["load"] > 10 * abs(rises["pressure"])
    assert first.n_windows == len(Dataset.open(dataset).indices("validation"))
    assert first.fitted_on_part  # a linear model is fitted again once everything is chosen


async def test_without_a_validation_part_there_is_nothing_to_measure_on(
    worker: WarmChild, tmp_path: Path
) -> None:
    whole = small_dataset(300).spec.model_copy(update={"split": Split(train=80, validation=0, test=20)})
    build_dataset(whole, hourly_series(300)).save(tmp_path / "dataset")
    await worker.train(task(LastValueSpec(), tmp_path / "dataset", tmp_path / "model"), ignore)

    with pytest.raises(FitRefused) as caught:
        await worker.answer(
            ExplainTask(model=tmp_path / "model", dataset=tmp_path / "dataset"), ExplainOutcome
        )

    assert caught.value.problem().code == "NO_VALIDATION_WINDOWS"


async def test_a_changed_model_file_is_never_opened(worker: WarmChild, dataset: Path, tmp_path: Path) -> None:
    await worker.train(task(LastValueSpec(), dataset, tmp_path), ignore)
    with (tmp_path / "model.npz").open("ab") as file:
        file.write(b"!")

    with pytest.raises(FitRefused) as caught:
        await worker.answer(PredictTask(model=tmp_path, windows=tmp_path, output=tmp_path), PredictOutcome)

    assert caught.value.problem().code == "MODEL_FILES_CHANGED"
    assert "model.npz" in caught.value.message


async def test_a_model_too_large_for_memory_is_refused_before_it_starts(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    order = task(DenseSpec(layers=(2048,) * 10), dataset, tmp_path).model_copy(
        update={"memory_bytes": 50_000_000}
    )

    with pytest.raises(FitRefused) as caught:
        await worker.train(order, ignore)

    assert caught.value.problem().code == "RESOURCE_EXHAUSTION"
    assert caught.value.suggestions


async def test_a_mistake_of_ours_is_told_once_and_the_child_lives_on(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "not a folder").write_text("")
    await worker.train(task(LastValueSpec(), dataset, tmp_path / "before"), ignore)
    before = child_pid(worker)

    with structlog.testing.capture_logs() as logged, pytest.raises(FitRefused) as caught:
        await worker.train(task(LastValueSpec(), dataset, tmp_path / "not a folder"), ignore)
    await worker.train(task(LastValueSpec(), dataset, tmp_path / "after"), ignore)

    assert caught.value.problem().code == "INTERNAL_ERROR"
    assert "FileExistsError" not in caught.value.problem().model_dump_json()
    assert "FileExistsError" in logged[0]["trace"]
    assert child_pid(worker) == before


@pytest.mark.keras
async def test_cancel_frees_the_replica_within_two_seconds(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    fitting, _ = await in_the_middle_of_a_fit(worker, dataset, tmp_path)

    started = time.monotonic()
    await worker.cancel()
    with pytest.raises(FitCancelled):
        await fitting

    assert time.monotonic() - started < 2.0
    await worker.train(task(LastValueSpec(), dataset, tmp_path / "next"), ignore)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("kind", "epochs"), [(DenseSpec, 500), pytest.param(ArLstmSpec, 40, marks=pytest.mark.slow)]
)
async def test_a_killed_child_is_a_crash_and_the_next_fit_goes_on_from_its_checkpoint(
    worker: WarmChild, dataset: Path, tmp_path: Path, kind: type[DenseSpec | ArLstmSpec], epochs: int
) -> None:
    spec, checkpoint = kind(layers=(8,), epochs=epochs, patience=0), tmp_path / "checkpoint.npz"
    order = task(spec, dataset, tmp_path / "model").model_copy(update={"checkpoint": checkpoint})
    fitting = asyncio.create_task(worker.train(order, ignore))
    await until(checkpoint.exists, seconds=120)

    os.kill(child_pid(worker), signal.SIGKILL)
    with pytest.raises(WorkerCrashed):
        await fitting
    seen: list[Progress] = []
    await worker.train(order, collector(seen))

    first = next(progress for progress in seen if progress.epoch)
    assert first.fraction > 1 / epochs  # at least one epoch was over when it went on
    assert not checkpoint.exists()


@pytest.mark.keras
async def test_a_fit_that_holds_too_much_memory_is_ended(dataset: Path, tmp_path: Path) -> None:
    worker = WarmChild(threads=1, warm_for=())
    await worker.start()
    fitting, _ = await in_the_middle_of_a_fit(worker, dataset, tmp_path)
    worker.memory_bytes = 10 * 2**20  # less than the libraries alone

    with pytest.raises(MemoryExceeded) as caught:
        await fitting

    assert caught.value.problem().category == "RESOURCE_EXHAUSTION"
    await worker.stop()


@pytest.mark.keras
async def test_a_fit_the_backend_has_no_memory_for_fails_alone(
    worker: WarmChild, dataset: Path, tmp_path: Path
) -> None:
    small, large = (DenseSpec(layers=layers, epochs=1) for layers in ((8,), (2048,) * 8))
    await worker.train(task(small, dataset, tmp_path / "before"), ignore)
    address_space = resident(child_pid(worker), "VmSize") + 100 * 2**20  # the large one needs 500 MiB
    resource.prlimit(child_pid(worker), resource.RLIMIT_AS, (address_space, resource.RLIM_INFINITY))

    with pytest.raises(FitRefused) as caught:
        await worker.train(task(large, dataset, tmp_path / "large"), ignore)
    await worker.train(task(small, dataset, tmp_path / "after"), ignore)

    assert caught.value.problem().category == "RESOURCE_EXHAUSTION"
    assert caught.value.suggestions
    assert (tmp_path / "after" / "passport.json").exists()


@pytest.mark.keras
async def test_a_fit_that_diverges_fails_alone(worker: WarmChild, dataset: Path, tmp_path: Path) -> None:
    wild = DenseSpec(layers=(512,) * 10, activation="linear", residual=False, learning_rate=1.0, patience=0)

    with pytest.raises(FitRefused) as caught:
        await worker.train(task(wild, dataset, tmp_path), ignore)
    await worker.train(task(LastValueSpec(), dataset, tmp_path), ignore)

    assert caught.value.problem().category == "MODEL_CONVERGENCE"
    assert "learning rate" in caught.value.suggestions[0]


async def test_a_child_that_gives_no_sign_of_life_is_ended(dataset: Path, tmp_path: Path) -> None:
    worker = WarmChild(threads=1, warm_for=(), stall_seconds=1.0)
    await worker.start()
    await worker.train(task(LastValueSpec(), dataset, tmp_path), ignore)
    os.kill(child_pid(worker), signal.SIGSTOP)

    with pytest.raises(WorkerStalled):
        await worker.train(task(LastValueSpec(), dataset, tmp_path), ignore)

    await worker.train(task(LastValueSpec(), dataset, tmp_path), ignore)
    await worker.stop()


async def test_a_child_that_fits_gives_way_with_all_its_threads(dataset: Path, tmp_path: Path) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    worker = WarmChild(threads=1, warm_for=(), nice=3)
    await worker.start()
    try:
        await worker.train(task(LastValueSpec(), dataset, tmp_path / "model"), ignore)

        [child] = [one for one in psutil.Process().children() if "--nice 3" in " ".join(one.cmdline())]
        niceness = {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in child.threads()}
        assert niceness == {min(ours + 3, 19)}
    finally:
        await worker.stop()


async def test_the_child_dies_with_its_parent(dataset: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio, os, signal\n"
        "from services.trainer.child.warm import WarmChild\n"
        "async def main():\n"
        "    worker = WarmChild(warm_for=())\n"
        "    await worker.start()\n"
        "    print(worker._child.process.pid, flush=True)\n"
        "    await asyncio.sleep(3)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())

    await parent.wait()
    # A child that is still loading its libraries finds out behind them: seconds on a busy machine.
    await until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in status(pid), seconds=30)


def resident(pid: int, name: str) -> int:
    """Return a figure of a process's memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) * 1024


def status(pid: int) -> str:
    """Return the state letter of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def in_the_middle_of_a_fit(
    worker: WarmChild, dataset: Path, folder: Path
) -> tuple[asyncio.Task[object], Progress]:
    """Start an endless fit and return once it trains."""
    training: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()

    async def notice(progress: Progress) -> None:
        if progress.phase == "training" and not training.done():
            training.set_result(progress)

    fitting: asyncio.Task[object] = asyncio.create_task(
        worker.train(task(ENDLESS, dataset, folder / "endless"), notice)
    )
    return fitting, await training


def task(spec: ModelSpec, dataset: Path, output: Path) -> TrainTask:
    return TrainTask(spec=spec, dataset=dataset, output=output, threads=1)


def child_pid(worker: WarmChild) -> int:
    assert worker._child is not None
    return worker._child.process.pid


async def ignore(progress: Progress) -> None:
    """Take progress and do nothing."""


def collector(seen: list[Progress]) -> Callable[[Progress], Awaitable[None]]:
    """Return a callback that keeps progress."""

    async def keep(progress: Progress) -> None:
        seen.append(progress)

    return keep
