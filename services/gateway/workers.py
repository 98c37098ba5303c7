"""Questions the gateway cannot answer: numbers are computed by the service that owns them.

A question is a core request on ``ask.<service>.<verb>``. The answer is ``{"ok": true, "result": {...}}`` or
``{"ok": false, "problem": {...}}``; bulk results are stored and answered by their object key.
"""

import json
from typing import Any, Literal, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from pydantic import JsonValue, ValidationError

from shared.contracts.problems import Problem
from shared.errors import InternalError, PassedOn, Unavailable

Question = Literal[
    "evaluator.plot", "evaluator.picture", "trainer.predict", "trainer.export", "trainer.importance",
    "ingest.rows", "evaluator.monitoring", "evaluator.challenge", "trainer.backcast", "trainer.forecast",
    "trainer.template",
    "evaluator.window", "datasets.preview", "datasets.series", "datasets.scale", "datasets.scalers",
    "datasets.arrays", "datasets.folds",
]  # fmt: skip


class WorkerUnavailable(Unavailable):
    """No replica of the service that computes this is running, or it takes too long."""

    code = "WORKER_UNAVAILABLE"
    advice = ("Try again in a moment.",)


class RefusedByWorker(PassedOn):
    """A service says why it cannot answer."""


class Workers(Protocol):
    """Somebody who can be asked."""

    async def ask(self, question: Question, about: dict[str, JsonValue]) -> dict[str, Any]:
        """Return the result, or raise the service's problem."""
        ...


class NatsWorkers:
    """Workers over the broker."""

    def __init__(self, client: Client, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def ask(self, question: Question, about: dict[str, JsonValue]) -> dict[str, Any]:
        """Return the result, or raise the service's problem."""
        payload = json.dumps(about).encode()
        try:
            answer = await self._client.request(f"ask.{question}", payload, timeout=self._timeout_s)
        except NoRespondersError:
            raise WorkerUnavailable("no service that computes this is running", question=question) from None
        except (NatsError, TimeoutError, ConnectionError):
            raise WorkerUnavailable(
                "the service that computes this took too long", question=question
            ) from None
        return result_of(answer.data)


def result_of(payload: bytes) -> dict[str, Any]:
    """Return the result of an answer; raise its problem."""
    try:
        body = json.loads(payload)
        if body.get("ok"):
            result: dict[str, Any] = body["result"]
            return result
        raise RefusedByWorker(Problem.model_validate(body["problem"]))
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        raise InternalError("a service gave an answer nobody can read") from error
