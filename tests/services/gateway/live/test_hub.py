"""Boxes: bounded, in order, newest progress only; one that is full says so and delays nobody."""

from services.gateway.live.hub import Hub
from services.gateway.live.messages import LiveMessage


def event(seq: int, session: str = "s") -> LiveMessage:
    return LiveMessage(seq, "run.planned", session, "r", None, {}, str(seq))


def progress(fraction: float, job: str = "j") -> LiveMessage:
    return LiveMessage(None, "model.progress", "s", "r", job, {"fraction": fraction}, str(fraction))


async def test_events_come_in_order_and_of_progress_the_newest() -> None:
    hub = Hub(limit=10)
    subscription = hub.subscribe("s")

    for message in [event(1), progress(0.1), event(2), progress(0.2), progress(0.5, "k"), event(9, "other")]:
        hub.publish(message)

    assert [message.text for message in await subscription.take()] == ["1", "2", "0.2", "0.5"]


async def test_a_full_box_overflows_and_the_others_get_everything() -> None:
    hub = Hub(limit=3)
    stuck, awake = hub.subscribe("s"), hub.subscribe("s")
    heard = []

    for seq in range(1, 8):
        hub.publish(event(seq))
        heard += [message.seq for message in await awake.take()]

    assert stuck.overflowed.is_set()
    assert not awake.overflowed.is_set()
    assert heard == list(range(1, 8))


async def test_progress_never_fills_a_box() -> None:
    hub = Hub(limit=3)
    subscription = hub.subscribe("s")

    for message in (progress(k / 1000) for k in range(1000)):
        hub.publish(message)

    assert not subscription.overflowed.is_set()
    assert [message.text for message in await subscription.take()] == ["0.999"]


async def test_a_closed_box_hears_nothing_and_leaves_nothing() -> None:
    hub = Hub(limit=3)
    subscription = hub.subscribe("s")

    hub.unsubscribe("s", subscription)
    hub.publish(event(1))

    assert len(hub) == 0


async def test_epochs_of_progress_that_was_passed_over_are_told_with_the_next() -> None:
    hub = Hub(limit=3)
    subscription = hub.subscribe("s")
    lines = [
        LiveMessage(None, "model.progress", "s", "r", "j", {"curve": [{"epoch": n}]}, '{"data": {}}')
        for n in (1, 2, 3)
    ]

    for message in lines:
        hub.publish(message)

    (told,) = await subscription.take()
    assert [one["epoch"] for one in told.data["curve"]] == [1, 2, 3]
    assert '"curve":[{"epoch":1}' in told.text
