"""Promotion by rule: the best model of the newest run takes the champion's place if it was better lately.

Both forecast the same moments of the last days, from rows neither learned from, and the difference must be
significant. A pair is judged again only when as many new days have come: looking daily takes luck for skill.
"""

from typing import Literal

import structlog
from pydantic import BaseModel, Field, JsonValue

from services.gateway.forecasts.chosen import meant
from services.gateway.registry.versions import Registry, promote, register, registry_of
from services.gateway.workers import Workers
from shared.contracts.base import derive
from shared.errors import Conflict, NotFound, TrainyardError
from shared.storage.connect import Storage
from shared.storage.records import Records
from shared.storage.registry_rows import ModelVersionRow, PromotionRuleRow
from shared.storage.rows import SeriesRow, SessionRow

log = structlog.get_logger()


class NoChampion(Conflict):
    """A candidate is compared with the champion, and there is none."""

    code = "NO_CHAMPION"
    advice = ("Promote the first champion by hand: POST /api/training/models/{sid}/promote.",)


class PromotionRule(BaseModel):
    """Better on the last days, significantly."""

    days: int = Field(14, ge=1, le=366, description="the newest days of truth both models are compared on")
    level: float = Field(0.05, ge=1e-6, le=0.5, description="of the test: how often luck may pass for skill")


class TargetErrors(BaseModel):
    """Mean absolute errors on one target, in its unit."""

    name: str
    champion_mae: float
    candidate_mae: float


class Judgement(BaseModel):
    """A candidate against the champion on the same moments of the last days."""

    decision: Literal["better", "worse", "no_difference", "undecided"]
    reason: str
    champion: int = Field(description="number of the version")
    candidate: int = Field(description="number of the version")
    days: int
    level: float
    n_windows: int = 0
    first: str | None = Field(None, description="first moment both forecast from")
    last: str | None = None
    truth_until: str | None = None
    difference: float | None = Field(
        None, description="of mean absolute errors in training standard deviations, candidate minus champion"
    )
    relative: float | None = Field(None, description="difference in shares of the champion's error")
    p_value: float | None = Field(None, description="Diebold-Mariano, robust to errors that persist")
    interval: tuple[float, float] | None = Field(None, description="block bootstrap, of the difference")
    targets: list[TargetErrors] = []


async def judge(
    workers: Workers,
    session: SessionRow,
    rule: PromotionRule,
    known: Registry,
    candidate: ModelVersionRow,
    *,
    judged_until: str | None = None,
) -> Judgement:
    """Return how a candidate compares with the champion on the last days.

    Parameters
    ----------
    judged_until
        Undecided, until as many new days have come after this moment.

    Raises
    ------
    NoChampion
    """
    champion = known.champion
    if champion is None:
        raise NoChampion("this session has no champion to compare with")
    who = {"champion": champion.number, "candidate": candidate.number}
    if champion.number == candidate.number:
        reason = "the candidate is the champion"
        return Judgement(decision="no_difference", reason=reason, **who, **rule.model_dump())
    about: dict[str, JsonValue] = {
        "session_id": session.id, "champion": champion.job_id, "candidate": candidate.job_id,
        "judged_until": judged_until, **rule.model_dump(),
    }  # fmt: skip
    found = await workers.ask("evaluator.challenge", about)
    if found["judgement"] is None:
        for job_id in (champion.job_id, candidate.job_id):
            asked: dict[str, JsonValue] = {
                "session_id": session.id, "job_id": job_id, "ref_ns": found["ref_ns"],
            }  # fmt: skip
            await workers.ask("trainer.backcast", asked)
        found = await workers.ask("evaluator.challenge", {**about, "forecast": True})
    return Judgement(**who, **found["judgement"])


async def promote_if_better(
    records: Records,
    workers: Workers,
    service: Storage,
    session: SessionRow,
    rule: PromotionRule,
    candidate: ModelVersionRow,
    *,
    reason: str = "",
    judged_until: str | None = None,
) -> tuple[Registry, Judgement]:
    """Judge a candidate and make it champion if it was better; the log keeps the numbers.

    The champion it was compared with must still be champion then: otherwise nothing changes.
    """
    known = await registry_of(records, session)
    judgement = await judge(workers, session, rule, known, candidate, judged_until=judged_until)
    if judgement.decision != "better":
        return known, judgement
    after = await promote(
        records,
        service,
        session,
        candidate,
        how="rule",
        reason=reason or judgement.reason,
        details=judgement.model_dump(mode="json"),
        instead_of=judgement.champion,
    )
    return after, judgement


async def apply_rules(service: Storage, workers: Workers) -> None:
    """Judge the newest best model of every session that has a rule, where rows or models are new."""
    for row in await service.records.select(PromotionRuleRow, {}):
        session = await service.records.get(SessionRow, row.session_id)
        if session is None:
            continue
        try:
            await _apply(service.of_owner(row.owner).records, workers, service, session, row)
        except TrainyardError as error:
            log.info("a promotion rule waits", session_id=session.id, code=error.code, reason=error.message)


async def _apply(
    records: Records, workers: Workers, service: Storage, session: SessionRow, row: PromotionRuleRow
) -> None:
    known = await registry_of(records, session)
    try:
        job = await meant(records, session, None, "best")
    except NotFound:
        return
    if known.champion is None or job.id == known.champion.job_id:
        return
    files = await records.select(SeriesRow, {"session_id": session.id}, order="id")
    seen = derive(known.champion.id, job.id, *(series.sha256 for series in files))
    if seen == row.seen:
        return
    candidate = await register(records, service, session, job)
    if known.stage(candidate) == "retired":  # somebody, or a rollback, wants it no more
        return
    rule = PromotionRule(days=row.days, level=row.level)
    last = Judgement.model_validate(row.judged) if row.judged else None
    if last and (last.champion, last.candidate) != (known.champion.number, candidate.number):
        last = None
    judged_until = last.truth_until if last else None
    _, found = await promote_if_better(
        records, workers, service, session, rule, candidate, judged_until=judged_until
    )
    log.info("a promotion rule was applied", session_id=session.id, decision=found.decision)
    kept = last if last and found.decision == "undecided" else found
    await service.of_owner(session.owner).records.update(
        PromotionRuleRow,
        row.id,
        {"seen": seen, "judged": kept.model_dump(mode="json")},
        expect={"revision": row.revision},
    )
