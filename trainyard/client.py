"""The SDK for code with an event loop: everything the platform does, from Python."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from shared.contracts.kinds import ModelSpec
from shared.contracts.specs import DatasetSpec, Role
from trainyard.connection import ApiError
from trainyard.forecasting import ForecastCalls
from trainyard.registry_calls import RegistryCalls
from trainyard.responses import Backtest, Importance, Live, Run, RunResults, RunStatus, Series, UploadedFile

__all__ = ["ApiError", "AsyncClient"]

CHUNK_BYTES = 8 * 2**20  # of one request: half as many requests as a browser needs, hardly more to send again
CHUNKS_AT_ONCE = 3


class AsyncClient(ForecastCalls, RegistryCalls):
    """A client of one gateway.

    Parameters
    ----------
    url
        The gateway's address, such as ``http://127.0.0.1:8000``.
    token
        A Supabase access token or an API key; none for a local single-user platform.
    """

    # -- sessions and files -------------------------------------------------------------------------

    async def create_session(self, name: str = "") -> str:
        """Open a session and return its id."""
        answer = await self._call("POST", "/init-session", json={"sessionName": name})
        return str(answer["sessionId"])

    async def upload(
        self,
        session_id: str,
        source: Path | bytes,
        *,
        role: Role,
        name: str | None = None,
        options: Mapping[str, JsonValue] | None = None,
        on_bytes: Callable[[int, int], None] | None = None,
        timeout: float = 300.0,
    ) -> UploadedFile:
        """Send a file in chunks, wait until it is checked, and return what was found in it.

        Chunks that have arrived before are not sent again: after a failure the same call goes on.

        Parameters
        ----------
        options
            How to read it where finding out is not enough: timezone, time_columns, delimiter, ...
        on_bytes
            Called with (sent, total) after every chunk.

        Raises
        ------
        ApiError
            If the file is refused, or rejected after reading; the problem says where and why.
        """
        content = await asyncio.to_thread(source.read_bytes) if isinstance(source, Path) else source
        file_name = name or (source.name if isinstance(source, Path) else "upload.csv")
        total = max(1, -(-len(content) // CHUNK_BYTES))
        announced = await self._call(
            "POST",
            "/csv-files",
            json={
                "sessionId": session_id,
                "fileName": file_name,
                "totalChunks": total,
                "type": role,
                "fileSize": len(content),
                "fileHash": await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest()),
                "options": dict(options or {}),
            },
        )
        file_id = str(announced["file_id"])
        await self._send(f"/upload/{session_id}/{file_id}", content, list(announced["missing"]), on_bytes)
        return await self._checked(session_id, file_id, timeout=timeout)

    async def answer(
        self, session_id: str, file_id: str, options: Mapping[str, JsonValue], *, timeout: float = 300.0
    ) -> UploadedFile:
        """Answer the question a file was rejected with; it is read again without being sent again."""
        announced = await self._call("POST", f"/csv-files/{file_id}/answer", json={"options": dict(options)})
        return await self._checked(session_id, str(announced["file_id"]), timeout=timeout)

    async def _send(
        self, path: str, content: bytes, missing: list[int], on_bytes: Callable[[int, int], None] | None
    ) -> None:
        """Send the missing chunks of a file, some at once; the first refusal is the answer."""

        def piece(index: int) -> bytes:
            return content[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]

        sent = len(content) - sum(len(piece(index)) for index in missing)

        async def send_missing() -> None:
            nonlocal sent
            while missing:
                chunk = piece(index := missing.pop(0))
                await self._call("PUT", f"{path}/{index}", content=chunk)
                sent += len(chunk)
                if on_bytes:
                    on_bytes(sent, len(content))

        senders = [asyncio.ensure_future(send_missing()) for _ in range(CHUNKS_AT_ONCE)]
        try:
            await asyncio.gather(*senders)
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def files(self, session_id: str) -> list[UploadedFile]:
        """Return the session's files, with the series found in each."""
        answer = await self._call("GET", f"/csv-files/{session_id}")
        return [UploadedFile.model_validate(item) for item in answer["files"]]

    async def series(self, session_id: str) -> list[Series]:
        """Return every checked series of the session."""
        return [series for file in await self.files(session_id) for series in file.series]

    # -- runs ---------------------------------------------------------------------------------------

    async def run(
        self,
        session_id: str,
        dataset: DatasetSpec,
        models: Sequence[ModelSpec],
        *,
        metric: str = "rmse",
        ensemble: bool = True,
        idempotency_key: str | None = None,
    ) -> Run:
        """Build the data set and train the models on it; return at once.

        With ``ensemble`` the average of the models, weighted on validation, is one more model of the run.
        """
        body = {
            "dataset": dataset.model_dump(mode="json"),
            "models": [model.model_dump(mode="json") for model in models],
            "metric": metric,
            "ensemble": ensemble,
        }
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = await self._call("POST", f"/run/{session_id}", json=body, headers=headers)
        return Run(session_id=session_id, run_id=str(answer["run_id"]), dataset_id=str(answer["dataset_id"]))

    async def status(self, session_id: str, *, run_id: str | None = None) -> RunStatus:
        """Return how far a run is, by default the newest that is no backtest."""
        params = {"run_id": run_id} if run_id else {}
        return RunStatus.model_validate(await self._call("GET", f"/status/{session_id}", params=params))

    async def results(self, session_id: str, *, run_id: str | None = None) -> RunResults:
        """Return the scores and the leaderboard of a run, by default the newest."""
        params = {"run_id": run_id} if run_id else {}
        return RunResults.model_validate(await self._call("GET", f"/results/{session_id}", params=params))

    async def importance(
        self, session_id: str, *, run_id: str | None = None, job_id: str | None = None, seed: int = 0
    ) -> Importance:
        """Return which inputs a model relies on, by default the best of the newest run."""
        named = (("run_id", run_id), ("job_id", job_id), ("seed", seed))
        params = {key: value for key, value in named if value is not None}
        answer = await self._call("GET", f"/feature-importance/{session_id}", params=params)
        return Importance.model_validate(answer)

    async def backtest(
        self,
        session_id: str,
        *,
        run_id: str | None = None,
        models: Sequence[str | ModelSpec] | None = None,
        n_folds: int = 4,
        refit: bool = True,
        test_windows: int | None = None,
        window: Literal["expanding", "sliding"] = "expanding",
        metric: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Put the models of a finished run to the test at several cutoffs; return at once.

        Parameters
        ----------
        run_id
            The run whose data set and models are meant, by default the newest.
        models
            Names of models of that run (``"LIN"``, ``"LSTM 2"``) or whole specs; by default all of the run.
        n_folds, test_windows
            Number of cutoffs, and of windows forecast after each.
        refit
            Fit anew at every cutoff; False fits once, before the first.
        window
            Train on all that came before a cutoff, or on as much as the first has.

        Raises
        ------
        ApiError
            If there are too few windows: the problem says what would fit.
        """
        asked = [m if isinstance(m, str) else m.model_dump(mode="json") for m in models] if models else None
        body = {
            "run_id": run_id,
            "models": asked,
            "n_folds": n_folds,
            "refit": refit,
            "test_windows": test_windows,
            "window": window,
            "metric": metric,
        }
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = await self._call("POST", f"/backtest/{session_id}", json=body, headers=headers)
        return Run(session_id=session_id, run_id=str(answer["run_id"]), dataset_id=str(answer["dataset_id"]))

    async def backtest_results(self, session_id: str, *, run_id: str | None = None) -> Backtest:
        """Return a backtest, by default the newest: its cutoffs, and every model on every fold."""
        params = {"run_id": run_id} if run_id else {}
        return Backtest.model_validate(await self._call("GET", f"/backtest/{session_id}", params=params))

    async def cancel(self, session_id: str, *, run_id: str | None = None, job_id: str | None = None) -> None:
        """Stop a run, or one model of it."""
        body = {key: value for key, value in (("run_id", run_id), ("job_id", job_id)) if value}
        await self._call("POST", f"/cancel/{session_id}", json=body)

    async def download(self, session_id: str, target: Path, *, run_id: str | None = None) -> Path:
        """Save the results archive of a run to a file."""
        params = {"run_id": run_id} if run_id else {}
        async with self._stream(f"/results/{session_id}/download", params) as answer:
            with target.open("wb") as file:
                async for piece in answer.aiter_bytes():
                    file.write(piece)
        return target

    async def watch(
        self, session_id: str, run_id: str, *, after: int = 0, until: str = "run.finished"
    ) -> AsyncIterator[Live]:
        """Yield the events of a run until it is finished, or until another type of event."""
        async for event in self.events(session_id, after=after):
            if event.run_id not in (None, run_id):
                continue
            yield event
            if event.type == until:
                return

    async def wait(self, session_id: str, run_id: str, *, timeout: float = 3600.0) -> RunResults:
        """Wait until a run is over and return its results."""
        async with asyncio.timeout(timeout):
            async for _ in self.watch(session_id, run_id):
                pass
        return await self.results(session_id, run_id=run_id)

    async def _checked(self, session_id: str, file_id: str, *, timeout: float) -> UploadedFile:
        """Wait until ingest has spoken about a file."""
        pause = 0.05
        async with asyncio.timeout(timeout):
            while True:
                found = next((f for f in await self.files(session_id) if f.id == file_id), None)
                if found and found.status == "ready":
                    return found
                if found and found.status == "rejected" and found.problem:
                    raise ApiError(found.problem, 422)
                await asyncio.sleep(pause)
                pause = min(2.0, 1.5 * pause)
