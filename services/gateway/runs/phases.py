"""The seven named phases of a run, as the system documents count them."""

from dataclasses import dataclass

STEPS = (
    "Data Loading & Configuration",
    "Output Data Setup",
    "Dataset Creation - Time Features",
    "Data Preparation - Scaling & Splitting",
    "Model Training",
    "Model Testing - Predictions",
    "Re-scaling & Comprehensive Evaluation",
)
TOTAL = len(STEPS)


@dataclass(frozen=True)
class Step:
    """One of the seven phases, and how much of the whole is done when it begins."""

    number: int  # from 1
    percent: int

    @property
    def name(self) -> str:
        """Its name, as a stepper shows it."""
        return STEPS[self.number - 1]


LOADING, OUTPUTS, DATASET, PREPARING = Step(1, 0), Step(2, 5), Step(3, 10), Step(4, 20)
TRAINING, TESTING, EVALUATING = Step(5, 25), Step(6, 90), Step(7, 95)
OF_EVENT = {
    "upload.completed": LOADING,
    "file.ready": LOADING,
    "file.rejected": LOADING,
    "dataset.requested": DATASET,
    "dataset.ready": PREPARING,
    "dataset.failed": DATASET,
    "training.requested": PREPARING,
    "run.planned": TRAINING,
    "model.progress": TRAINING,
    "model.done": TESTING,
    "model.evaluated": EVALUATING,
    "run.finished": EVALUATING,
    "run.reported": EVALUATING,
}
OF_PHASE = {"preparing data": DATASET, "training": TRAINING, "evaluating": EVALUATING}
