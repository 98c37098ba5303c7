"""A trial of a search: one candidate's fit, a job of the run like any other."""

from typing import Literal

from pydantic import Field

from shared.contracts.base import Id
from shared.contracts.specs import Spec

MOST_TRIALS = 200
SEARCH_LOSS = "search_loss"  # in the notes of a trial's job: what its search compares
Stage = Literal[0, 1]  # 0 on the newest third of the windows to learn from, 1 on all of them


class Trial(Spec):
    """Which candidate of which search a job fits; the candidate itself is the job's spec."""

    model: Id = Field(description="job of the model whose parameters are searched")
    number: int = Field(ge=0, lt=MOST_TRIALS, description="0 is the model as it was asked for")
    stage: Stage = 0
