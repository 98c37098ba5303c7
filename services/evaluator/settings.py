"""Knobs of the evaluator."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings


class EvaluatorSettings(CommonSettings):
    """Environment names start with ``TRAINYARD_``; the evaluator's own go on with ``EVALUATOR_``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")

    evaluator_reconcile_every: timedelta = Field(
        default=timedelta(seconds=30), description="pause between two looks for unfinished work nobody does"
    )
