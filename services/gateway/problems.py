"""What the gateway refuses, and the one envelope every refusal travels in."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.problems import Category, Problem
from shared.errors import Conflict, InvalidInput, NotFound, ResourceExhausted, TrainyardError, Unavailable
from shared.storage.verified import ObjectDamaged

MOST_FIELDS = 20  # errors a refusal names
_STATUS: dict[Category, int] = {
    Category.DATA_VALIDATION: 422,
    Category.INSUFFICIENT_DATA: 422,
    Category.MODEL_CONVERGENCE: 422,
    Category.RESOURCE_EXHAUSTION: 413,
    Category.AUTH: 401,
    Category.NOT_FOUND: 404,
    Category.CONFLICT: 409,
    Category.RATE_LIMIT: 429,
    Category.INTERNAL: 500,
}


class Refused(InvalidInput):
    """A refusal with an HTTP status of its own."""

    status: ClassVar[int] = 400


class BadId(Refused):
    """A session id in none of the known forms."""

    code = "BAD_UUID"
    advice = ("Use 1 to 128 letters, digits, _ and -; a UUID is best.",)


class NoQuestion(Conflict):
    """An answer to a file about which nothing is asked."""

    code = "NO_QUESTION"
    advice = ("Upload the file again, with options that say how it is to be read.",)


class FileNotFound(NotFound):
    """The session has no such file."""

    code = "FILE_NOT_FOUND"
    advice = ("List the files with GET /api/training/csv-files/{session}.",)


class RunNotFound(NotFound):
    """The session has no such run."""

    code = "RUN_NOT_FOUND"
    advice = ("Start one with POST /api/training/run/{session}.",)


class NothingThere(NotFound):
    """The thing exists, but what was asked of it does not exist (yet)."""

    code = "NOT_AVAILABLE"
    advice = ("Wait until the run is completed; GET /api/training/status/{session} tells.",)


class NoPictures(NothingThere):
    """The run has no pictures yet."""

    code = "VISUALIZATION_NOT_FOUND"


class NothingSaved(NotFound):
    """A setting of the session nobody has made yet."""

    code = "NOT_CONFIGURED"
    advice = ("Save it first; GET /docs shows how.",)


class NoReport(NotFound):
    """A run without a scored model has no report, now or later."""

    code = "NO_REPORT"
    advice = ("GET /api/training/results/{session} says for each model why it did not finish.",)


class ReportFailed(NotFound):
    """The run is over, its report cannot be written, most likely because stored files are damaged."""

    code = "REPORT_FAILED"
    advice = ("Scores and models are still there; start the run again for a report, or tell the operator.",)


class ReportNotReady(Unavailable):
    """The run is over, its report is still being written."""

    code = "REPORT_NOT_READY"
    advice = ("Try again in a moment; the live event run.reported tells when it is there.",)


class TrainingInProgress(Conflict):
    """A run of the session is live."""

    code = "TRAINING_IN_PROGRESS"
    advice = ("Wait for it, or stop it with POST /api/training/cancel/{session}.",)


class ChunkConflict(Conflict):
    """A chunk came again with other bytes."""

    code = "CHUNK_CONFLICT"
    advice = ("Delete the file and upload it again, or give the new version another name.",)


class DatasetNotReady(Conflict):
    """A backtest needs a data set that is built."""

    code = "DATASET_NOT_READY"
    advice = ("Wait until the run is planned; GET /api/training/status/{session} tells.",)


class InvalidBacktest(InvalidInput):
    """Settings of a backtest that mean nothing here; ``details.fields`` names each."""

    code = "INVALID_BACKTEST"


class ConfirmationRequired(Refused):
    """A request that deletes everything must say that it means it."""

    code = "CONFIRMATION_REQUIRED"
    advice = ('Send {"confirm_delete_all": true}.',)


class MissingFile(Refused):
    """A form without the bytes it is about."""

    code = "MISSING_FILE"
    advice = ("Send the bytes as a file part of the form.",)


class MissingBody(Refused):
    """A request that says nothing of what it must say."""

    code = "MISSING_BODY"
    advice = ("GET /docs shows the accepted form.",)


class NotCsv(Refused):
    """Only CSV files are read."""

    status = 415
    code = "NOT_CSV"
    advice = ("Export the table as CSV and upload that.",)


class TooLarge(ResourceExhausted):
    """More bytes than are accepted."""

    code = "TOO_LARGE"
    advice = ("Split the file, for instance by year, and upload the parts as series of their own.",)


class Stalled(Refused):
    """The body of a request stopped coming."""

    status = 408
    code = "BODY_STALLED"
    advice = ("Send the chunk again; nothing of it was kept.",)


@dataclass(eq=False)
class Pace:
    """How fast a body has to come: a drop now and then holds a connection as silence does."""

    _grace_s: float
    _begun: float = field(default_factory=time.monotonic)

    BYTES_PER_SECOND = 1_024

    def check(self, n_bytes: int) -> None:
        """Raise ``Stalled`` if so few bytes have come since the beginning."""
        passed = time.monotonic() - self._begun
        if passed > self._grace_s and n_bytes < self.BYTES_PER_SECOND * passed:
            raise Stalled(f"only {n_bytes:,} bytes of the request body came in {passed:.0f} s")


class InvalidConfiguration(InvalidInput):
    """Settings that contradict each other or are missing; ``details.fields`` names each."""

    code = "INVALID_CONFIGURATION"


class InvalidModelParams(InvalidInput):
    """Model parameters out of range; ``details.fields`` names each."""

    code = "INVALID_MODEL_PARAMS"
    advice = ("Correct the named parameters; GET /docs lists the ranges.",)


class ValidationFailed(InvalidInput):
    """A body or parameter that does not fit; ``details.fields`` names each field."""

    code = "VALIDATION_FAILED"
    advice = ("Correct the named fields; GET /docs shows the accepted form.",)


class NotJson(Refused):
    """A body that is no JSON."""

    code = "INVALID_JSON"
    advice = ("Send a JSON object with Content-Type: application/json.",)


class WrongContentType(Refused):
    """A JSON body that did not come as JSON."""

    status = 415
    code = "WRONG_CONTENT_TYPE"
    advice = ("Send the header Content-Type: application/json (curl: -H 'Content-Type: application/json').",)


def status_of(error: TrainyardError) -> int:
    """Return the HTTP status of one of our errors."""
    if isinstance(error, ObjectDamaged):
        return 502
    own = getattr(error, "status", None)
    if isinstance(own, int):
        return own
    return 503 if isinstance(error, Unavailable) else _STATUS[error.category]


def envelope(problem: Problem) -> dict[str, Any]:
    """Return the body of every answer that is not a success."""
    body: dict[str, Any] = {
        "success": False,
        "code": problem.code,
        "error": problem.message,
        "category": problem.category.value,
        "severity": problem.severity,
        "suggestions": list(problem.suggestions),
        "suggestion": problem.suggestions[0] if problem.suggestions else None,
        "data": None,
    }
    return {**body, "details": problem.details} if problem.details else body


def http_problem(status: int) -> Problem:
    """Return the problem of a plain HTTP status: unknown paths, methods, media types.

    >>> http_problem(405).code
    'METHOD_NOT_ALLOWED'
    """
    phrase = HTTPStatus(status)
    known = {400: Category.DATA_VALIDATION, 401: Category.AUTH, 403: Category.AUTH, 404: Category.NOT_FOUND}
    internal = Category.INTERNAL if status >= 500 else Category.DATA_VALIDATION
    return Problem(
        code=phrase.name,
        message=phrase.description or phrase.phrase,
        category=known.get(status, internal),
        suggestions=("GET /docs lists every path with its methods.",) if status in (404, 405) else (),
    )


def fields_of(errors: Sequence[ErrorDetails] | Sequence[Any]) -> list[JsonValue]:
    """Return one ``{field, message}`` per error of a validation, the first of them; sent values stay out."""
    named: list[JsonValue] = [
        {
            "field": ".".join(str(part)[:80] for part in error["loc"][:12] if part != "body") or "body",
            "message": str(error["msg"]).removeprefix("Value error, ")[:500],
        }
        for error in errors[:MOST_FIELDS]
    ]
    if len(errors) > MOST_FIELDS:
        named.append({"field": "...", "message": f"{len(errors) - MOST_FIELDS:,} more"})
    return named


def refused_by(error: ValidationError, kind: type[InvalidInput], *, within: str = "") -> InvalidInput:
    """Return a failed validation as one of our errors, each field named."""
    fields = fields_of(error.errors(include_url=False, include_input=False))
    if within:
        fields = [{**f, "field": f"{within}.{f['field']}"} for f in fields if isinstance(f, dict)]
    return kind(sentence(fields), fields=fields)


def wrong_field(kind: type[InvalidInput], name: str, message: str) -> InvalidInput:
    """Return an error about one field."""
    return kind(f"{name}: {message}", fields=[{"field": name, "message": message}])


def sentence(fields: Sequence[JsonValue]) -> str:
    """Return the fields' messages as one text, the first few of them."""
    parts = [f"{f['field']}: {f['message']}" for f in fields if isinstance(f, dict)]
    more = f" (and {len(parts) - 3} more)" if len(parts) > 3 else ""
    return "; ".join(parts[:3]) + more
