"""The earlier frontend's words: for any order of events progress never falls and the end is told once."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.legacy.events import TERMINAL, LegacyEvents
from services.gateway.live.messages import LiveMessage

JOBS = ("a" * 32, "b" * 32)


def told(kind: str, data: dict[str, Any], job: str | None = None) -> LiveMessage:
    return LiveMessage(1, kind, "s", "r", job, data, "")


def progress(job: str, fraction: float, epoch: int) -> LiveMessage:
    curve = [{"epoch": n, "loss": 1 / n, "val_loss": 2 / n} for n in range(max(1, epoch - 2), epoch + 1)]
    data = {
        "kind": "dense", "label": "Dense", "fraction": fraction, "phase": "training", "epoch": epoch,
        "curve": curve,
    }  # fmt: skip
    return told("model.progress", data, job)


ENDS = [
    told("run.finished", {"status": status, "problem": None})
    for status in ("completed", "failed", "cancelled")
]
EVENTS = st.one_of(
    st.builds(progress, st.sampled_from(JOBS), st.floats(0, 1), st.integers(1, 9)),
    st.sampled_from(
        [
            told("run.planned", {"jobs": [{"job_id": job} for job in JOBS]}),
            *[told("model.evaluated", {"kind": "dense", "label": "D", "headline": {}}, job) for job in JOBS],
            *[told("model.done", {"kind": "dense", "label": "D", "status": "failed"}, job) for job in JOBS],
            told("dataset.ready", {"dataset_id": "d", "n_windows": 3}),
            told("dataset.failed", {"dataset_id": "d", "problem": {"message": "too short"}}),
            told("cancel.requested", {}),
        ]
    ),
)


@given(events=st.lists(EVENTS, max_size=30), end=st.sampled_from(ENDS), after=st.lists(EVENTS, max_size=5))
def test_progress_never_falls_and_the_end_comes_once(
    events: list[LiveMessage], end: LiveMessage, after: list[LiveMessage]
) -> None:
    narrator = LegacyEvents("session_1_a")

    lines = [line for event in [*events, end, *after, end] for line in narrator.tell(event)]

    percent = [body["progress_percent"] for name, body in lines if name == "training_progress"]
    ends = Counter(name for name, _ in lines if name in TERMINAL)
    assert percent == sorted(percent)
    assert set(ends.values()) == {1}
    assert (
        set(ends)
        == {
            "completed": {"training_complete", "training_completed"},
            "failed": {"training_error"},
            "cancelled": {"training_cancelled"},
        }[end.data["status"]]
    )
    assert (percent[-1] == 100 if percent else True) or end.data["status"] != "completed"
    assert {body["session_id"] for _, body in lines} == {"session_1_a"}


@given(epochs=st.lists(st.integers(1, 5), max_size=20))
def test_losses_are_told_once_per_epoch(epochs: list[int]) -> None:
    narrator = LegacyEvents("s")

    lines = [line for epoch in epochs for line in narrator.tell(progress(JOBS[0], 0.1, epoch))]

    heard = [body for name, body in lines if name == "training_metrics"]
    assert [one["epoch"] for one in heard] == sorted({one["epoch"] for one in heard})
    assert all((one["loss"], one["val_loss"]) == (1 / one["epoch"], 2 / one["epoch"]) for one in heard)


def test_epochs_between_two_messages_are_told_too() -> None:
    narrator = LegacyEvents("s")

    lines = [line for epoch in (1, 3, 6, 6) for line in narrator.tell(progress(JOBS[0], 0.1, epoch))]

    assert [body["epoch"] for name, body in lines if name == "training_metrics"] == [1, 2, 3, 4, 5, 6]


def test_a_data_set_that_failed_is_an_error_too() -> None:
    failed = told("dataset.failed", {"dataset_id": "d", "problem": {"code": "X", "message": "too short"}})

    names = [name for name, _ in LegacyEvents("s").tell(failed)]

    assert names == ["dataset_status_update", "error"]


def test_a_backtest_is_passed_over_from_its_first_word_to_its_last() -> None:
    narrator = LegacyEvents("s")
    planned = told("run.planned", {"jobs": [{"job_id": JOBS[0]}], "backtest": True})

    lines = [line for event in (planned, progress(JOBS[0], 0.5, 1), ENDS[0]) for line in narrator.tell(event)]

    assert lines == []


def test_a_backtest_under_way_when_the_client_comes_is_passed_over() -> None:
    narrator = LegacyEvents("s")

    narrator.pass_over("r")

    assert narrator.tell(progress(JOBS[0], 0.5, 1)) == []
    assert narrator.tell(ENDS[0]) == []
