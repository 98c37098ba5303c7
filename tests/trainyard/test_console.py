"""What the command line prints of a backtest."""

import io

from rich.console import Console

from trainyard.console import show_backtest
from trainyard.responses import Backtest


def test_a_backtest_is_a_table_of_models_and_cutoffs() -> None:
    found = Backtest.model_validate(
        {
            "session_id": "s", "run_id": "r", "dataset_id": "d", "status": "completed", "metric": "mae",
            "folds": [
                {"fold": n, "cutoff_local": f"2026-0{n}-01T00:00:00+01:00", "n_test": 90} for n in (1, 2)
            ],
            "models": [
                {
                    "rank": 1, "label": "LIN", "kind": "lin", "is_baseline": False, "skill": 0.25,
                    "test": {"mae": 1.5}, "spread": {"mae": 0.707}, "reason": None,
                    "folds": [{"fold": 1, "scores": {"mae": 1.0}}, {"fold": 2, "scores": {"mae": 2.0}}],
                },
                {
                    "rank": None, "label": "LSTM", "kind": "lstm", "is_baseline": False, "skill": None,
                    "test": {}, "spread": {}, "reason": "only 1 of 2 folds are there",
                    "folds": [{"fold": 2, "scores": {"mae": 3.0}}],
                },
            ],
        }
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=140)

    show_backtest(console, found)

    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "2026-01-01T00:00" in text
    assert "1.5 ± 0.707" in text
    assert "+25.0 %" in text
    assert "LSTM: only 1 of 2 folds are there" in text
