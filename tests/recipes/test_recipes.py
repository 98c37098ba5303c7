"""The recipes of CONTRIBUTING, followed to the letter in a copy of the house."""

import json
from pathlib import Path

import pytest

from tests.recipes.house_copy import House, unnamed

KIND = '''"""The kind "training mean": every window gets the mean of the training targets."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.trainer.core.model import Arrays, Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.model_kind import FLOAT64, FitSize, ModelKind
from services.trainer.core.onnx_graph import Graph
from services.trainer.core.problems import require_trainable
from shared.contracts.kinds import Kind, TrainingMean2Spec
from shared.series.arrays import Float32
from shared.windows.samples import Layout, Samples


@dataclass(frozen=True)
class MeanModel:
    """The same forecast for every window."""

    kind: ClassVar[Kind] = "mean2"

    mean: Float32  # (output_steps, n_outputs)

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        return np.broadcast_to(self.mean, (len(x), *self.mean.shape)).copy()

    def to_arrays(self) -> Arrays:
        """Return the mean."""
        return {"mean": self.mean}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model."""
        return cls(arrays["mean"])


def fit_mean(
    spec: TrainingMean2Spec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Return the mean of the training targets, times ``spec.share``."""
    started = time.perf_counter()
    require_trainable(train, layout)
    model = MeanModel((train.y.mean(axis=0, dtype=np.float64) * spec.share).astype(np.float32))
    on_progress(Progress(1.0, "done"))
    return Fitted(model, model, time.perf_counter() - started)


def to_onnx(graph: Graph, model: MeanModel, x: str) -> str:
    """Append the mean: the window times nothing, plus it."""
    n_values = graph.layout.input_steps * len(graph.layout.inputs)
    nothing = np.zeros((n_values, model.mean.size))
    return graph.steps(graph.affine(graph.flat(x), nothing, model.mean.ravel()))


def fit_bytes(spec: TrainingMean2Spec, size: FitSize) -> int:
    """Count the targets in double precision."""
    return size.n_train * size.forecast * FLOAT64


MEAN = ModelKind(
    spec=TrainingMean2Spec, fit=fit_mean, model=lambda: MeanModel, to_onnx=to_onnx, fit_bytes=fit_bytes
)
'''

SPEC = '''class TrainingMean2Spec(KindSpec):
    """The mean of the training targets."""

    name: ClassVar[str] = "Mean 2"
    words: ClassVar[tuple[str, ...]] = ("average 2",)

    kind: Literal["mean2"] = "mean2"
    share: float = Field(default=1.0, gt=0, le=1)


'''

KIND_TEST = '''"""The new kind in the warm child, as a job is fitted."""

import json
from datetime import timedelta
from pathlib import Path

from services.trainer.child.protocol import TrainTask
from services.trainer.child.warm import WarmChild
from services.trainer.core.model import Progress
from shared.contracts.kinds import TrainingMean2Spec
from shared.messaging.streams import consumers
from tests.support.forecasting import stored_dataset


async def test_the_child_fits_the_kind(tmp_path: Path) -> None:
    child = WarmChild(threads=1, warm_for=["mean2"])
    seen: list[Progress] = []

    async def see(progress: Progress) -> None:
        seen.append(progress)

    task = TrainTask(
        spec=TrainingMean2Spec(), dataset=stored_dataset(tmp_path / "data"), output=tmp_path / "model"
    )
    await child.start()
    try:
        outcome = await child.train(task, see)
    finally:
        await child.stop()

    passport = json.loads((tmp_path / "model" / "passport.json").read_bytes())
    assert passport["kind"] == "mean2"
    assert {"model.npz", "model.onnx"} <= set(outcome.files)
    assert outcome.metrics["test"]["mae"] is not None
    assert seen[-1].fraction == 1.0


def test_its_jobs_have_a_queue() -> None:
    assert any("mean2" in str(config) for config in consumers(ack_wait=timedelta(seconds=30)))
'''


KIND_TESTS = ("tests/services/trainer/core/test_kinds.py", "tests/services/trainer/core/test_mean.py")
CASE = "        case TrainingMean2Spec():\n            return MEAN\n"


pytestmark = pytest.mark.timeout(600)  # processes of their own, beside others on a busy machine


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.copied(tmp_path / "house")


def add_kind(house: House) -> None:
    """Follow "Add a model kind"."""
    contract, registry = "shared/contracts/kinds.py", "services/trainer/core/kinds.py"
    house.insert(contract, "ModelSpec = Annotated[", SPEC)
    house.replace(
        contract, "\nModelSpec = Annotated[\n", "\nModelSpec = Annotated[\n    TrainingMean2Spec |\n"
    )
    house.replace(contract, "\nKind = Literal[\n", '\nKind = Literal[\n    "mean2",\n')
    house.write("services/trainer/core/mean/__init__.py", '"""The training mean."""\n')
    house.write("services/trainer/core/mean/kind.py", KIND)
    mine = "from services.trainer.core.mean.kind import MEAN\n"
    house.insert(registry, "from services.trainer.core.model_kind", mine)
    house.insert(
        registry,
        "from shared.contracts.kinds import (",
        "from shared.contracts.kinds import TrainingMean2Spec\n",
    )
    house.replace(registry, "        case _:", f"{CASE}        case _:")
    house.write("tests/services/trainer/core/test_mean.py", KIND_TEST)


def test_a_kind_added_by_the_recipe_is_fitted_stored_exported_and_asked_for(house: House) -> None:
    add_kind(house)

    house.run("trainyard.docs")
    house.run("pytest", "-q", *KIND_TESTS, "-k", "mean or every_parameter or no_spelling or names_specs")

    assert not unnamed(house, "Add a model kind")
    assert "Mean 2" in (house.root / "docs" / "glossary.md").read_text()
    assert sum(not path.startswith("tests/") for path in house.touched) <= 4  # one of them a package's name


@pytest.mark.slow
def test_a_kind_added_by_the_recipe_passes_the_gate_and_one_half_added_does_not(house: House) -> None:
    add_kind(house)
    house.run("trainyard.docs")

    house.check()
    house.replace("services/trainer/core/kinds.py", CASE, "")

    found = house.try_run("mypy", "services/trainer/core/kinds.py").stdout
    assert "assert_never" in found
    assert "TrainingMean2Spec" in found


METRIC = '    Metric("rwape", "Root WAPE", "percent", None, "squared", "every true value is 0"),\n'
FORMULA = """    "rwape": lambda sums, naive: Scored(
        100.0 * np.sqrt(sums.sq_error * sums.n) / sums.abs_true, ((sums.abs_true == 0, Reason.ALL_ZERO),)
    ),
"""
METRIC_TEST = '''"""The new score everywhere it shall be."""

import json
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from services.evaluator.core.scores import Scores
from services.evaluator.core.tables import HEADINGS
from services.gateway.results.outcome import LEVEL_COLUMNS
from services.gateway.results.scale import _POWERS
from shared.contracts.metrics import RankingMetric
from shared.scoring.metrics import measure


def test_the_formula_is_what_a_naive_loop_says() -> None:
    y, f = np.array([1.0, 2.0, 4.0]), np.array([1.5, 1.5, 5.0])

    expected = 100 * np.sqrt(sum((a - b) ** 2 for a, b in zip(y, f, strict=True)) / 3) / (sum(abs(y)) / 3)

    assert np.isclose(measure(y, f)["rwape"] or 0.0, expected)
    assert measure(y * 0, f)["rwape"] is None


def test_tables_the_wire_and_the_ranking_know_it() -> None:
    assert HEADINGS["rwape"] == "Root WAPE"
    assert LEVEL_COLUMNS["Root WAPE"] == "rwape"
    assert "rwape" not in _POWERS
    assert TypeAdapter(RankingMetric).validate_python("rwape") == "rwape"


def test_scores_stored_before_are_read_with_a_reason_for_what_they_lack() -> None:
    for path in Path("tests/contracts/stored_scores").glob("*.json"):
        scores = Scores.from_json(json.loads(path.read_bytes()))

        level = scores.to_json()["outputs"][0]["levels"][0]
        assert level["overall"]["rwape"] is None
        assert level["undefined"]["rwape"]
'''


def add_metric(house: House) -> None:
    """Follow "Add a metric"."""
    house.replace("shared/contracts/metrics.py", ")\nMETRIC_NAMES", f"{METRIC})\nMETRIC_NAMES")
    house.insert("shared/scoring/metrics.py", '    "mae": ', FORMULA)
    house.write("tests/shared/scoring/test_rwape.py", METRIC_TEST)


def test_a_metric_added_by_the_recipe_is_in_every_table_and_old_scores_are_read(house: House) -> None:
    add_metric(house)

    house.run("trainyard.docs")
    house.run("pytest", "-q", "tests/shared/scoring/test_rwape.py")

    assert not unnamed(house, "Add a metric")
    assert "| Root WAPE | percent |" in (house.root / "docs" / "glossary.md").read_text()


@pytest.mark.slow
def test_a_metric_added_by_the_recipe_passes_the_gate(house: House) -> None:
    add_metric(house)
    house.run("trainyard.docs")

    house.check()


EVENT = '''class ModelStarted(Event):
    """A replica has begun to fit a model."""

    type: ClassVar[str] = "model.started"
    template: ClassVar[str] = "evt.{session_id}.{run}.{job_id}.started"

    job_id: Id
    kind: Kind


'''
HANDLER = '''

@reactions.on(ModelStarted, durable="evaluator-model-started")
async def note_start(event: ModelStarted) -> None:
    """Take note that a fit has begun."""
    log.info("fit begun", job_id=event.job_id)
'''
EVENT_TEST = '''"""The new event has a consumer and a handler."""

import json
from datetime import timedelta
from pathlib import Path

import services.evaluator.handlers
from shared.contracts.events import MESSAGES, ModelStarted
from shared.messaging.streams import consumers


def test_it_is_published_and_consumed() -> None:
    published = json.loads(Path("tests/contracts/golden/model.started.v1.json").read_bytes())

    assert ModelStarted.model_validate(published).subject().endswith(".started")
    assert ModelStarted in MESSAGES
    assert "evaluator-model-started" in str(consumers(ack_wait=timedelta(seconds=30)))
    assert services.evaluator.handlers.note_start
'''


def add_event(house: House) -> None:
    """Follow "Add an event", with a reaction."""
    example = json.loads((house.root / "tests/contracts/golden/run.planned.v1.json").read_bytes())
    (job,) = example.pop("jobs")
    del job["label"]
    contract = "shared/contracts/events.py"
    house.insert(contract, "class RunPlanned(Event)", EVENT)
    house.replace(contract, "    SessionDeleted, ", "    SessionDeleted, ModelStarted, ")
    house.write("tests/contracts/golden/model.started.v1.json", json.dumps(example | job))
    reaction = '    ("evaluator-model-started", e.ModelStarted),\n'
    house.insert("shared/messaging/streams.py", '    ("evaluator-model-done"', reaction)
    handlers = "services/evaluator/handlers.py"
    house.insert(
        handlers, "from shared.contracts.events import", "from shared.contracts.events import ModelStarted\n"
    )
    house.write(handlers, (house.root / handlers).read_text() + HANDLER)
    house.write("tests/services/evaluator/test_started.py", EVENT_TEST)


def test_an_event_added_by_the_recipe_is_documented_provisioned_and_handled(house: House) -> None:
    add_event(house)

    house.run("trainyard.docs")
    house.run(
        "pytest", "-q", "tests/services/evaluator/test_started.py", "tests/architecture/test_documents.py",
        "-k", "events or message_ever or consumed",
    )  # fmt: skip

    assert not unnamed(house, "Add an event")
    assert "`model.started`" in (house.root / "docs" / "events.md").read_text()


QUESTION = '''

class ColumnsQuestion(BaseModel):
    """What the gateway asks about the columns of a data set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    dataset_id: str


@reactions.on_question("datasets.columns")
async def tell_columns(question: ColumnsQuestion, datasets: Annotated[Datasets, Context()]) -> Json:
    """Return the names of the inputs."""
    dataset = await datasets.open(question.session_id, question.dataset_id)
    return {"inputs": [column.name for column in dataset.layout.inputs]}
'''
QUESTION_TEST = '''"""The new question is asked and answered."""

from typing import get_args

from services.datasets.handlers import ColumnsQuestion, tell_columns
from services.gateway.workers import Question
from shared.messaging.broker import answering
from tests.support.forecasting import small_dataset


class Stored:
    async def open(self, session_id: str, dataset_id: str) -> object:
        return small_dataset(200)


async def test_the_owner_of_the_numbers_answers() -> None:
    question = ColumnsQuestion(session_id="s", dataset_id="d")

    answer = await answering(tell_columns)(question, Stored())

    assert answer["ok"]
    assert "load" in answer["result"]["inputs"]
    assert "datasets.columns" in get_args(Question)
'''


def test_a_question_added_by_the_recipe_is_answered(house: House) -> None:
    house.replace("services/gateway/workers.py", '"datasets.folds"', '"datasets.folds", "datasets.columns"')
    handlers = "services/datasets/handlers.py"
    house.write(handlers, (house.root / handlers).read_text() + QUESTION)
    house.write("tests/services/datasets/test_columns.py", QUESTION_TEST)

    house.run("pytest", "-q", "tests/services/datasets/test_columns.py")

    assert not unnamed(house, "Add a question")
