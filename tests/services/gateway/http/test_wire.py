"""What a request says beyond what is known: named at the earlier frontend's paths, refused at ours."""

import httpx
import pytest
from pydantic import JsonValue

from services.gateway.datasets.wire import SplitIn, TimeInfo
from services.gateway.http.wire import put_aside
from services.gateway.models.wire import parse_models
from services.gateway.problems import InvalidModelParams
from services.gateway.runs.wire import TrainModels
from services.gateway.uploads.wire import FileRecord


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("init-session", {"flavour": "sweet"}, ["flavour"]),
        ("save-zeitschritte", {"zeitschritte": {"eingabe": "24", "x": 1}}, ["timeSteps.x"]),
        (
            "save-time-info",
            {"timeInfo": {"category_data": {"tag": {"y": 1}}}},
            ["timeFeatures.categories.tag.y"],
        ),
        ("session-name-change", {"sessionName": "a", "z": None}, ["z"]),
    ],
)
async def test_the_earlier_paths_name_what_they_do_not_know(
    http: httpx.AsyncClient, sid: str, path: str, body: dict[str, object], named: list[str]
) -> None:
    answer = await http.post(path, json={"sessionId": sid, **body})

    assert answer.status_code in (200, 201)
    assert answer.json()["ignored"] == named


@pytest.mark.parametrize(
    "body",
    [
        {"models": [{"kind": "lin"}], "flavour": "sweet"},
        {"models": [{"kind": "lin"}], "configuration": {"timeSteps": {"input": 2, "x": 1}}},
        {"models": [{"kind": "lin", "flavour": "sweet"}]},
    ],
)
async def test_a_path_of_our_own_refuses_what_it_does_not_know(
    http: httpx.AsyncClient, sid: str, body: dict[str, object]
) -> None:
    answer = await http.post(f"run/{sid}", json=body)

    assert answer.status_code == 422
    assert answer.json()["details"]["fields"][0]["field"].endswith(("flavour", "x"))


def test_two_spellings_that_differ_are_named_and_the_first_counts() -> None:
    record = FileRecord.model_validate({"zeithorizont_end": 5, "zeithorizontEnd": "3", "horizonStart": -1})

    assert record.horizon_end == 3
    assert list(put_aside(record)) == ["zeithorizont_end"]


def test_the_flat_calendar_is_every_features_own() -> None:
    info = TimeInfo.model_validate(
        {"tag": True, "datenform": "Aktuelle Zeit", "land": "Schweiz", "category_data": {"woche": {}}}
    )

    assert list(put_aside(info)) == []
    assert info.calendar().day.at == "reference"
    assert (info.calendar().week.at, info.calendar().country) == ("window", "CH")


def test_holidays_of_nobody_are_germanys_and_said_so() -> None:
    info = TimeInfo.model_validate({"feiertag": True})

    assert info.calendar().country == "DE"
    assert ["Germany" in sentence for sentence in info.warnings()] == [True]


@pytest.mark.parametrize(
    ("shuffle", "random_dat", "mixed"), [(False, True, True), (True, True, True), (False, False, False)]
)
def test_either_word_for_mixing_mixes(shuffle: bool, random_dat: bool, mixed: bool) -> None:
    from shared.contracts.specs import Split

    said = SplitIn.model_validate({"shuffle": shuffle, "random_dat": random_dat})

    assert said.split(Split()).shuffle is mixed
    assert len(list(said.warnings())) == (shuffle != random_dat)


def test_settings_no_such_model_has_are_put_aside_where_that_is_allowed() -> None:
    asked: dict[str, JsonValue] = {
        "CNN": {"filters": [8, 4], "kernelSize": 5, "flavour": "sweet"},
        "LIN": {"units": 3},
    }
    aside: list[str] = []

    cnn, lin = parse_models(asked, put_aside=aside)

    assert (cnn.model_dump()["layers"], cnn.model_dump()["kernel_size"], lin.kind) == ((8, 4), 5, "lin")
    assert aside == ["0.flavour", "1.units"]
    with pytest.raises(InvalidModelParams, match="flavour"):
        parse_models(asked)


def test_parameters_of_boosted_trees_mean_nothing_to_a_network() -> None:
    (dense,) = parse_models([{"MODE": "Dense", "ACTF": "Keine", "LEARNING_RATE": "0.1", "MAX_DEPTH": "-1"}])

    assert dense.model_dump()["learning_rate"] == 0.001
    assert dense.model_dump()["activation"] == "linear"


def test_shares_of_one_are_percentages() -> None:
    asked = TrainModels.model_validate(
        {"model_parameters": {"MODE": "LIN"}, "train_ratio": 0.5, "test_ratio": 0.25, "random_state": 42}
    )

    assert asked.split is not None
    assert (asked.split.train, asked.split.test, asked.split.seed) == (50, 25, 42)
    assert list(put_aside(asked)) == []
