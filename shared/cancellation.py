"""Cancelling tasks for certain.

``asyncio.wait_for`` of Python 3.11 returns a result that arrives in the moment of a cancellation and forgets
that it was cancelled (mended in 3.12); the client of NATS waits that way. A loop that was cancelled then goes
on for ever, and whoever waits for its end waits as long. Who awaits a cancelled task under
``suppress(CancelledError)`` loses the same thing: a cancellation of its own.
"""

import asyncio
from collections.abc import Callable
from typing import Any


def heeding() -> Callable[[], None]:
    """Return what raises a cancellation of this task that came since and was lost on the way.

    To be called after something that may lose it, in the same task.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0

    def heed() -> None:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError

    return heed


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, with whatever outcome; that is theirs to be asked for."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: asyncio need not complain that nobody did
