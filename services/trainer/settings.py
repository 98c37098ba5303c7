"""Knobs of the trainer."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.contracts.kinds import KINDS, Kind
from shared.settings import CommonSettings

Role = Literal["plan", "fit", "answer"]


class TrainerSettings(CommonSettings):
    """Environment names start with ``TRAINYARD_``; the trainer's own go on with ``TRAINER_``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")

    trainer_roles: tuple[Role, ...] = Field(
        default=("plan", "fit", "answer"),
        min_length=1,
        description="what this replica does, as JSON list: plan runs, fit models, answer about stored ones "
        "(forecasts, exports, importance), fits and answers in a child process each; where fitting replicas "
        "come and go, one other replica plans and answers",
    )
    trainer_kinds: tuple[Kind, ...] = Field(
        default=KINDS, description="model kinds this replica serves, as JSON list"
    )
    trainer_threads: int | None = Field(
        default=None, ge=1, description="threads of one fit; null = all cores"
    )
    trainer_memory_bytes: int | None = Field(
        default=None, gt=0, description="memory limit of the child process"
    )
    trainer_stall: timedelta = Field(
        default=timedelta(minutes=10), description="silence after which a fit is ended"
    )
    trainer_attempts: int = Field(default=3, ge=1, description="crashes after which a job has failed")
    trainer_checkpoint_dir: Path | None = Field(
        default=None,
        description="folder that outlives a replica and is shared by all, where a killed fit goes on from; "
        "null = beside the embedded stores; with remote ones in the object store, at every beat",
    )

    @property
    def fits(self) -> bool:
        """Whether this replica takes jobs."""
        return "fit" in self.trainer_roles

    @property
    def answers(self) -> bool:
        """Whether this replica answers about stored models."""
        return "answer" in self.trainer_roles

    @property
    def checkpoints(self) -> Path | None:
        """Where checkpoints of unfinished fits are kept."""
        if self.trainer_checkpoint_dir or self.data_dir is None:
            return self.trainer_checkpoint_dir
        return self.data_dir / "checkpoints"
