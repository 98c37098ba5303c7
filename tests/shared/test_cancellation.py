"""A cancelled task ends, whatever came at the same moment; and a process ends, whatever it left open."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.cancellation import end, heeding
from shared.contracts.base import new_id
from shared.contracts.events import SessionDeleted
from shared.messaging.delivery import heartbeat
from shared.messaging.publish import Publisher
from shared.messaging.work_queue import WorkQueue


async def begun(task: asyncio.Task[Any]) -> None:
    while not task.get_coro().cr_await:  # type: ignore[union-attr]  # noqa: ASYNC110 - nothing says so
        await asyncio.sleep(0)


async def test_a_cancellation_that_a_result_of_the_same_moment_hid_is_heeded() -> None:
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    heard_of: list[int] = []

    async def ask() -> None:
        heed = heeding()
        heard_of.append(await asyncio.wait_for(answer, 60))
        heed()
        heard_of.append(-1)

    task = asyncio.create_task(ask())
    await begun(task)
    answer.set_result(7)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert -1 not in heard_of


async def test_what_was_cancelled_before_or_not_at_all_is_not_heeded() -> None:
    async def told_before() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heed = heeding()
            await asyncio.sleep(0)
            heed()
        return "went on"

    task = asyncio.create_task(told_before())
    await begun(task)
    task.cancel()

    assert await task == "went on"
    heeding()()


class AnswersAtOnce:
    """A client whose answers come in the very moment in which who asks is cancelled."""

    asked: asyncio.Event

    async def request(self, *about: Any, **options: Any) -> Any:
        task = asyncio.current_task()
        assert task
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(answer.set_result, NoWork())
        if not task.cancelling():
            asyncio.get_running_loop().call_soon(task.cancel)
        return await asyncio.wait_for(answer, 60)


class NoWork:
    headers = {"Status": "404"}


async def test_a_replica_that_looks_for_work_stops_though_an_answer_came_as_it_was_told_to() -> None:
    queue = WorkQueue(AnswersAtOnce(), ("lin", "dense"), idle=0.001)  # type: ignore[arg-type]

    looking = asyncio.create_task(queue.next_job())
    done, _ = await asyncio.wait({looking}, timeout=5)

    assert done
    assert looking.cancelled()


async def test_who_waits_for_the_end_of_a_task_can_be_cancelled_itself() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)

    inner = asyncio.create_task(stubborn())
    waiting = asyncio.create_task(end(inner))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({inner, waiting}, timeout=5)

    assert waiting.cancelled()
    assert inner.cancelled()


async def test_the_end_of_tasks_waits_for_all_and_raises_nothing_of_theirs() -> None:
    async def fails() -> None:
        raise ValueError("of no interest any more")

    tasks = asyncio.create_task(fails()), asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)

    await end(*tasks)
    await end()

    assert all(task.done() for task in tasks)


async def test_a_heartbeat_that_ends_as_its_work_is_cancelled_keeps_the_cancellation() -> None:
    class Quiet:
        async def in_progress(self) -> None: ...

    ended: list[str] = []

    async def work() -> None:
        async with heartbeat(Quiet(), every=0.001):  # type: ignore[arg-type]
            await asyncio.sleep(0.01)
            asyncio.get_running_loop().call_soon(task.cancel)  # as the heartbeat is awaited
        ended.append("as if nothing had been")

    task = asyncio.create_task(work())
    await asyncio.wait({task}, timeout=5)

    assert task.cancelled()
    assert not ended


def test_a_process_that_fails_with_its_ledger_open_ends(tmp_path: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from shared.storage.connect import open_embedded

async def fail():
    storage = await open_embedded(Path({str(tmp_path)!r}))
    raise SystemExit(3) if storage else None

try:
    asyncio.run(fail())
except SystemExit as error:
    kept = error  # and with it the frames, and with them the open ledger
    raise
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)

    assert ended.returncode == 3


async def test_a_message_that_is_confirmed_as_its_sender_is_cancelled_does_not_hide_that() -> None:
    class ConfirmsAtOnce:
        async def publish(self, *message: Any, **options: Any) -> object:
            task = asyncio.current_task()
            assert task
            confirmed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(confirmed.set_result, True)
            asyncio.get_running_loop().call_soon(task.cancel)
            return await asyncio.wait_for(confirmed, 60)

    message = SessionDeleted.first(session_id=new_id())

    sending = asyncio.create_task(Publisher(ConfirmsAtOnce()).publish(message))
    await asyncio.wait({sending}, timeout=5)

    assert sending.cancelled()
