import json
from dataclasses import asdict

import numpy as np

from services.evaluator.core.claims import make_claims
from services.evaluator.core.ranking import Entry, rank
from services.evaluator.core.scores import score
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64

HOUR_NS = 3600 * 10**9


def _part(error: Float64) -> PartForecast:
    truth = np.random.default_rng(0).normal(20.0, 4.0, (600, 3, 1))
    return PartForecast(np.arange(600) * HOUR_NS, truth, truth + error)


def _claims(parts: dict[str, PartForecast]) -> list[str]:
    facts = {"y_train": [np.arange(9.0)], "delta_minutes": [60.0], "names": ["OT"]}
    kinds = {"naive": "seasonal_naive"}
    entries = [
        Entry(name, name, kinds.get(name, "lin"), *[score(part, **facts)] * 2)  # type: ignore[arg-type]  # facts
        for name, part in parts.items()
    ]
    claims = make_claims(rank(entries), parts, train_std=[2.0], span_minutes=120.0)
    json.dumps([asdict(claim) for claim in claims], allow_nan=False)
    return [claim.sentence for claim in claims]


def test_a_clear_win_is_said_and_a_draw_is_not() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(3, 600, 3, 1))
    parts = {"good": _part(noise[0]), "equal": _part(-noise[0][::-1]), "naive": _part(3.0 * noise[1])}

    sentences = _claims(parts)

    assert sentences[0].startswith("No significant difference between")
    assert sentences[1].endswith("% of its loss.")
    assert "is better than naive on test by 8" in sentences[1]


def test_a_runner_up_that_is_the_baseline_is_compared_once() -> None:
    rng = np.random.default_rng(1)

    sentences = _claims({"good": _part(rng.normal(size=(600, 3, 1))), "naive": _part(np.array(9.0))})

    assert len(sentences) == 1


def test_a_lone_model_claims_nothing() -> None:
    assert _claims({"alone": _part(np.array(1.0))}) == []
