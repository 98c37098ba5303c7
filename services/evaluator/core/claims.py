"""What may be said about the best model: which differences hold on test, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.evaluator.core.ranking import Leaderboard, known_metric
from services.evaluator.core.significance import Comparison, compare, overlap, window_losses
from shared.contracts.kinds import REFERENCE_KIND
from shared.scoring.forecasts import PartForecast


@dataclass(frozen=True)
class Claim:
    """The best model against another one, judged on the test part."""

    best: str
    other: str
    comparison: Comparison
    sentence: str


def make_claims(
    board: Leaderboard,
    test: Mapping[str, PartForecast],
    *,
    train_std: Sequence[float | None],
    span_minutes: float,
) -> list[Claim]:
    """Compare the best model with the runner-up and with the best seasonal naive forecast.

    Parameters
    ----------
    test
        Forecasts of the test part by job id; models without any are not compared.
    span_minutes
        From the first to the last true value of a window: how far windows share values.

    Returns
    -------
    list of Claim
        None, one or two; the losses are absolute or squared as the score they were ranked by says.
    """
    best = board.best
    if best is None or best.job_id not in test:
        return []
    others = [row for row in board.rows if row.rank is not None and row.job_id != best.job_id]
    naive = next((row for row in others if row.kind == REFERENCE_KIND), None)
    rivals = others[:1] + [row for row in (naive,) if row and row not in others[:1]]

    squared = known_metric(board.metric).loss == "squared"
    reach = overlap(test[best.job_id].ref_ns, span_minutes=span_minutes)
    losses = {
        row.job_id: window_losses(test[row.job_id], train_std=train_std, squared=squared)
        for row in (best, *rivals)
        if row.job_id in test
    }
    claims = []
    for rival in rivals:
        if rival.job_id in losses:
            found = compare(losses[best.job_id], losses[rival.job_id], overlap=reach)
            claims.append(Claim(best.label, rival.label, found, _sentence(best.label, rival.label, found)))
    return claims


def _sentence(best: str, other: str, comparison: Comparison) -> str:
    if comparison.winner == "tie":
        why = f": {comparison.reason}" if comparison.reason else ""
        return f"No significant difference between {best} and {other} on test{why}."
    sizes = "" if comparison.relative is None else f" by {abs(comparison.relative):.1%} of its loss"
    if comparison.winner == "second":
        return f"{other} is better than {best} on test{sizes}, although validation preferred {best}."
    return f"{best} is better than {other} on test{sizes}."
