"""Promotion by rule: the newest best model takes the champion's place if it was better, and says why."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.gateway.http.openapi import SESSION
from services.gateway.registry.rules import apply_rules
from services.gateway.registry.versions import promote, registry_of
from shared.storage.registry_rows import ModelVersionRow, PromotionRuleRow, StageChangeRow
from shared.storage.rows import JobRow, RunRow, SeriesRow, SessionRow
from tests.services.gateway.contract import JOB, RUN, SERIES, SID, furnish
from tests.services.gateway.house import House

OLD, OTHER = "a" * 32, "b" * 32
RULE = {"days": 14, "level": 0.05}
BETTER: dict[str, Any] = {
    **RULE, "decision": "better", "reason": "the candidate's error is 9.0% below", "n_windows": 300,
    "relative": -0.09, "p_value": 0.01, "truth_until": "2026-01-31T00:00:00+00:00",
}  # fmt: skip


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    """A session whose champion is an older model than the newest run's best."""
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    for kind in (ModelVersionRow, StageChangeRow):
        await house.records.delete(kind, {"session_id": SID})
    job = await house.records.get(JobRow, JOB)
    assert job is not None
    await house.records.insert([job.changed(id=other, label=f"LIN {other[0]}") for other in (OLD, OTHER)])
    await http.post(f"models/{SESSION}/promote", json={"model": OLD})
    _answers(house, BETTER)
    return house


def _answers(house: House, judgement: dict[str, Any]) -> None:
    house.oracle.answers["evaluator.challenge"] = {"ref_ns": [], "judgement": judgement}


def _asked(house: House) -> list[dict[str, Any]]:
    return [dict(about) for question, about in house.oracle.asked if question == "evaluator.challenge"]


async def test_a_candidate_that_was_better_is_promoted_and_the_log_has_rule_and_numbers(
    furnished: House, http: httpx.AsyncClient
) -> None:
    answer = (await http.post(f"models/{SESSION}/promote", json={"rule": RULE})).json()
    again = (await http.post(f"models/{SESSION}/promote", json={"rule": RULE})).json()

    change = answer["changes"][0]
    assert (answer["champion"], answer["judgement"]["decision"]) == (2, "better")
    assert (change["how"], change["version"], change["reason"]) == ("rule", 2, BETTER["reason"])
    assert (change["details"]["champion"], change["details"]["p_value"]) == (1, 0.01)
    assert (change["details"]["days"], change["details"]["level"]) == (14, 0.05)
    assert (again["champion"], len(again["changes"])) == (2, len(answer["changes"]))
    assert _asked(furnished)[0]["champion"] == OLD
    back = (await http.post(f"models/{SESSION}/rollback", json={})).json()
    assert back["champion"] == 1


@pytest.mark.parametrize("decision", ["worse", "no_difference", "undecided"])
async def test_a_candidate_that_was_not_better_stays_one_and_the_answer_says_why(
    furnished: House, http: httpx.AsyncClient, decision: str
) -> None:
    _answers(furnished, {**RULE, "decision": decision, "reason": "because"})

    answer = (await http.post(f"models/{SESSION}/promote", json={"model": OTHER, "rule": RULE})).json()

    assert answer["champion"] == 1
    assert (answer["judgement"]["decision"], answer["judgement"]["reason"]) == (decision, "because")
    assert {v["version"]: v["stage"] for v in answer["versions"]} == {1: "champion", 2: "candidate"}


async def test_both_models_are_asked_about_the_same_moments_of_the_past(
    furnished: House, http: httpx.AsyncClient
) -> None:
    furnished.oracle.answers["evaluator.challenge"] = {"ref_ns": [1, 2], "judgement": None}

    class Turned(dict[str, dict[str, Any]]):
        def __getitem__(self, question: str) -> dict[str, Any]:
            if question == "trainer.backcast":
                _answers(furnished, BETTER)
            return super().__getitem__(question)

    furnished.oracle.answers = Turned(furnished.oracle.answers)

    answer = (await http.post(f"models/{SESSION}/promote", json={"rule": RULE})).json()

    backcasts = [about for question, about in furnished.oracle.asked if question == "trainer.backcast"]
    assert [(about["job_id"], about["ref_ns"]) for about in backcasts] == [(OLD, [1, 2]), (JOB, [1, 2])]
    assert [about.get("forecast", False) for about in _asked(furnished)] == [False, True]
    assert answer["champion"] == 2


async def test_without_a_champion_there_is_nobody_to_compare_with(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await furnished.records.delete(StageChangeRow, {"session_id": SID})

    answer = await http.post(f"models/{SESSION}/promote", json={"rule": RULE})

    assert (answer.status_code, answer.json()["code"]) == (409, "NO_CHAMPION")


async def test_a_champion_that_changed_meanwhile_is_not_replaced_by_a_verdict_on_the_one_before(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await http.post(f"models/{SESSION}/promote", json={"model": OTHER})
    session = await furnished.records.get(SessionRow, SID)
    assert session is not None
    known = await registry_of(furnished.records, session)

    after = await promote(
        furnished.records,
        furnished.gateway.service_storage,
        session,
        known.version(1),
        how="rule",
        instead_of=3,
    )

    assert after.champion == known.version(2)


async def test_a_kept_rule_is_applied_once_per_change_of_rows_or_models(
    furnished: House, http: httpx.AsyncClient
) -> None:
    _answers(furnished, {**BETTER, "decision": "no_difference"})
    kept = (await http.put(f"models/{SESSION}/rule", json=RULE)).json()
    for _ in range(3):
        await apply_rules(furnished.gateway.service_storage, furnished.oracle)
    once = len(_asked(furnished))
    _answers(furnished, BETTER)
    await furnished.records.update(SeriesRow, SERIES, {"sha256": "1" * 64})

    for _ in range(3):
        await apply_rules(furnished.gateway.service_storage, furnished.oracle)

    found = (await http.get(f"models/{SESSION}")).json()
    assert (kept["rule"]["days"], kept["rule"]["judged"]) == (14, None)
    assert (once, len(_asked(furnished))) == (1, 2)
    assert _asked(furnished)[1]["judged_until"] == BETTER["truth_until"]
    assert (found["champion"], found["changes"][0]["how"]) == (2, "rule")
    assert found["rule"]["judged"]["decision"] == "better"


async def test_a_model_that_was_rolled_back_is_not_promoted_by_the_rule_again(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await http.put(f"models/{SESSION}/rule", json=RULE)
    await apply_rules(furnished.gateway.service_storage, furnished.oracle)
    await http.post(f"models/{SESSION}/rollback", json={"reason": "fails on holidays"})

    await furnished.records.update(SeriesRow, SERIES, {"sha256": "1" * 64})
    await apply_rules(furnished.gateway.service_storage, furnished.oracle)

    assert (await http.get(f"models/{SESSION}")).json()["champion"] == 1


async def test_a_rule_waits_for_services_that_are_away_and_for_a_better_run(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await http.put(f"models/{SESSION}/rule", json={"days": 3})
    kept = furnished.oracle.answers.pop("evaluator.challenge")
    await apply_rules(furnished.gateway.service_storage, furnished.oracle)
    away = (await http.get(f"models/{SESSION}")).json()
    furnished.oracle.answers["evaluator.challenge"] = kept
    run = await furnished.records.get(RunRow, RUN)
    assert run is not None
    newer = run.changed(id="c" * 32, best_job_id=OTHER, created_at=run.created_at + timedelta(days=1))
    await furnished.records.insert([newer])

    await apply_rules(furnished.gateway.service_storage, furnished.oracle)

    found = (await http.get(f"models/{SESSION}")).json()
    assert away["champion"] == 1
    assert next(v["job_id"] for v in found["versions"] if v["stage"] == "champion") == OTHER


async def test_a_removed_rule_promotes_nobody_and_a_deleted_session_leaves_none(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await http.put(f"models/{SESSION}/rule", json=RULE)
    gone = (await http.delete(f"models/{SESSION}/rule")).json()
    await apply_rules(furnished.gateway.service_storage, furnished.oracle)
    await http.put(f"models/{SESSION}/rule", json=RULE)

    await http.post(f"session/{SESSION}/delete", params={"force": True})

    assert gone["rule"] is None
    assert _asked(furnished) == []
    assert await furnished.records.count(PromotionRuleRow, {}) == 0


@pytest.mark.parametrize("rule", [{"days": 0}, {"days": 367}, {"level": 0}, {"level": 0.9}, {"days": "many"}])
async def test_a_rule_nobody_can_judge_by_is_refused(
    furnished: House, http: httpx.AsyncClient, rule: dict[str, object]
) -> None:
    for answer in (
        await http.put(f"models/{SESSION}/rule", json=rule),
        await http.post(f"models/{SESSION}/promote", json={"rule": rule}),
    ):
        assert answer.status_code == 422, answer.text
