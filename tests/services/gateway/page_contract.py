"""The paths a page is made of: previews, excerpts, test windows, loss curves, drafts, lists."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.services.gateway.contract import Case

PREVIEW: dict[str, Any] = {
    "n_windows": 3,
    "n_train": 1,
    "n_validation": 1,
    "n_test": 1,
    "parts": [{"part": "train", "n": 1, "first_ms": 0, "last_ms": 0}],
    "dropped": {},
    "findings": [],
    "violins": [],
}
PAGE_ANSWERS: dict[str, dict[str, Any]] = {
    "datasets.preview": PREVIEW,
    "datasets.series": {"times": [0, 3_600_000], "values": [1.0, None], "n": 2, "thinned": False},
    "evaluator.window": {
        "job_id": "3" * 32,
        "label": "LIN",
        "window": 0,
        "n_windows": 1,
        "reference_ms": 0,
        "first_reference_ms": 0,
        "last_reference_ms": 0,
        "outputs": [],
    },
}


def page_cases(case: "type[Case]", configuration: dict[str, Any]) -> list["Case"]:
    """Return one request for each path."""
    body = {"json": {"configuration": configuration}}
    return [
        case(
            "GET",
            "/sessions",
            "search",
            200,
            ("sessions", "total"),
            {"params": {"search": "o", "sort": "name"}},
        ),
        case("GET", "/workspace/{sid}", "-", 200, ("last_seq", "files", "draft", "runs")),
        case("PUT", "/draft/{sid}", "-", 200, ("draft",), {"json": {"draft": {"horizon": 24}}}),
        case("GET", "/draft/{sid}", "-", 200, ("draft",)),
        case(
            "POST",
            "/preview/{sid}",
            "configuration",
            200,
            ("n_windows", "parts", "findings", "violins"),
            body,
        ),
        case("GET", "/datasets/{sid}/{dataset_id}", "-", 200, ("dataset",)),
        case("GET", "/series/{sid}/{series_id}", "-", 200, ("times", "values"), {"params": {"points": 100}}),
        case("GET", "/demo", "-", 200, ("files", "timezone")),
        case("GET", "/history/{sid}", "run_id", 200, ("curves",), {"params": {"run_id": "2" * 32}}),
        case(
            "GET",
            "/test-forecasts/{sid}",
            "run_id",
            200,
            ("outputs", "n_windows"),
            {"params": {"run_id": "2" * 32}},
        ),
    ]
