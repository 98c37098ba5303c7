"""The SDK for code without an event loop: every call waits for its answer."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from anyio.from_thread import start_blocking_portal

from trainyard.client import AsyncClient
from trainyard.responses import Live

P = ParamSpec("P")
T = TypeVar("T")


def _waiting(
    call: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Client", P], T]:
    """Return a method of ``AsyncClient`` as one that waits, with the same arguments, words and errors."""

    @wraps(call)
    def waits(self: "Client", /, *args: P.args, **options: P.kwargs) -> T:
        return self._wait(call(self._async, *args, **options))

    return waits


async def _next(events: AsyncIterator[Live]) -> Live | None:
    return await anext(events, None)


class Client:
    """``AsyncClient`` behind a portal: a loop of its own, in a thread of its own."""

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 60.0) -> None:
        self._opened = ExitStack()
        self._portal = self._opened.enter_context(start_blocking_portal())
        self._async = AsyncClient(url, token=token, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._wait(self._async.close())
        self._opened.close()

    create_session = _waiting(AsyncClient.create_session)
    upload = _waiting(AsyncClient.upload)
    answer = _waiting(AsyncClient.answer)
    files = _waiting(AsyncClient.files)
    series = _waiting(AsyncClient.series)

    run = _waiting(AsyncClient.run)
    status = _waiting(AsyncClient.status)
    wait = _waiting(AsyncClient.wait)
    cancel = _waiting(AsyncClient.cancel)
    results = _waiting(AsyncClient.results)
    importance = _waiting(AsyncClient.importance)
    download = _waiting(AsyncClient.download)
    backtest = _waiting(AsyncClient.backtest)
    backtest_results = _waiting(AsyncClient.backtest_results)

    forecast = _waiting(AsyncClient.forecast)
    forecasts = _waiting(AsyncClient.forecasts)
    forecast_template = _waiting(AsyncClient.forecast_template)
    extend = _waiting(AsyncClient.extend)
    schedule = _waiting(AsyncClient.schedule)
    schedules = _waiting(AsyncClient.schedules)
    pause_schedule = _waiting(AsyncClient.pause_schedule)
    unschedule = _waiting(AsyncClient.unschedule)
    monitoring = _waiting(AsyncClient.monitoring)

    models = _waiting(AsyncClient.models)
    register = _waiting(AsyncClient.register)
    promote = _waiting(AsyncClient.promote)
    promote_by_rule = _waiting(AsyncClient.promote_by_rule)
    rollback = _waiting(AsyncClient.rollback)
    retire = _waiting(AsyncClient.retire)
    manifest = _waiting(AsyncClient.manifest)
    signing_key = _waiting(AsyncClient.signing_key)

    def watch(
        self, session_id: str, run_id: str, *, after: int = 0, until: str = "run.finished"
    ) -> Iterator[Live]:
        """Yield the events of a run until it is finished, or until another type of event."""
        events = self._async.watch(session_id, run_id, after=after, until=until)
        while (event := self._wait(_next(events))) is not None:
            yield event

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        async def working() -> T:
            return await work

        return self._portal.call(working)
