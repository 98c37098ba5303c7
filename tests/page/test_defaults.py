"""The page asks for the same data sets as the command line: both are held against one table of cases."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.kinds import MODEL_SPEC
from shared.contracts.specs import DatasetSpec
from trainyard.local import ROOT
from trainyard.plan import DEFAULT_MODELS, parse_models, plan_dataset
from trainyard.responses import Series

TABLE = json.loads((ROOT / "services/gateway/web/app/src/usual.cases.json").read_text())


def planned(case: dict[str, Any]) -> DatasetSpec:
    series = [
        Series(
            file_id=one["name"],
            series_id=one["name"],
            name=one["name"],
            column=one["name"],
            statistics={"n": one["n"], "min": one["min"], "max": one["max"]},
            quality={"step_s": one["step_s"]},
        )
        for one in case["series"]
    ]
    return plan_dataset(
        series,
        target=case["target"],
        horizon=timedelta(hours=case["horizonHours"]),
        future=case["future"],
        future_only=case["futureOnly"],
        lags={name: timedelta(days=7) for name in case["week"]},
        timezone="Europe/Vienna",
        country=case["country"],
        subdivision=case["subdivision"],
    )


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: str(case["name"]))
def test_the_command_line_asks_for_what_the_table_says(case: dict[str, Any]) -> None:
    assert planned(case) == DatasetSpec.model_validate(case["spec"])


def test_the_models_ticked_at_first_are_those_of_the_command_line() -> None:
    assert TABLE["chosen"] == [spec.kind for spec in parse_models(DEFAULT_MODELS)]


@pytest.mark.parametrize("kind", TABLE["parameters"])
def test_parameters_shown_are_the_kinds_own(kind: str) -> None:
    own = MODEL_SPEC.validate_python({"kind": kind}).model_dump(mode="json")
    shown = TABLE["parameters"][kind]

    assert {name: own[name] for name in shown} == shown
