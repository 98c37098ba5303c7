"""Two families of errors tell the messaging layer what to do; each concrete error names one cause."""

from typing import ClassVar

from pydantic import JsonValue

from shared.contracts.problems import Category, Problem, Severity


class TrainyardError(Exception):
    """Base of every error we raise on purpose.

    Parameters
    ----------
    message
        What was found and what was needed, in words a user of the platform can follow.
    suggestions
        Sentences that say what to do next; the class's own when empty.
    **details
        Facts as JSON values: the field, the file, the row, the limit.
    """

    code: ClassVar[str]
    category: ClassVar[Category] = Category.INTERNAL
    severity: ClassVar[Severity] = "error"
    advice: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str, *, suggestions: tuple[str, ...] = (), **details: JsonValue) -> None:
        super().__init__(message)
        self.message = message
        self.suggestions = suggestions or self.advice
        self.details = details

    def problem(self) -> Problem:
        """Return the error as the value that travels to users."""
        return Problem(
            code=self.code,
            message=self.message,
            category=self.category,
            severity=self.severity,
            suggestions=self.suggestions,
            details=self.details,
        )


class InvalidInput(TrainyardError):
    """What was asked for cannot be done, now or later: publish the failure and acknowledge."""

    code = "INVALID_INPUT"
    category = Category.DATA_VALIDATION


class Unavailable(TrainyardError):
    """Something outside is away for now: hand the message back and try again."""

    code = "UNAVAILABLE"
    category = Category.INTERNAL


class NotFound(InvalidInput):
    """The named thing does not exist, or belongs to somebody else."""

    code = "NOT_FOUND"
    category = Category.NOT_FOUND


class SessionNotFound(NotFound):
    """There is no such session, or it is somebody else's: the same answer for both."""

    code = "SESSION_NOT_FOUND"
    advice = ("Check the id, or list your sessions with GET /api/training/list-sessions.",)


class DatasetNotFound(NotFound):
    """There is no ready data set of that id in the session, or it was deleted."""

    code = "DATASET_NOT_FOUND"
    advice = ("Generate the data set again.",)


class ModelNotFound(NotFound):
    """There is no finished model of that id in the session."""

    code = "MODEL_NOT_FOUND"
    advice = ("Name a finished model of a run of this session.",)


class Conflict(InvalidInput):
    """The request contradicts what is already stored."""

    code = "CONFLICT"
    category = Category.CONFLICT


class InsufficientData(InvalidInput):
    """The data are valid but too few for what was asked."""

    code = "INSUFFICIENT_DATA"
    category = Category.INSUFFICIENT_DATA


class ResourceExhausted(InvalidInput):
    """The request needs more memory or time than a worker has."""

    code = "RESOURCE_EXHAUSTION"
    category = Category.RESOURCE_EXHAUSTION
    severity = "critical"


class InternalError(InvalidInput):
    """A mistake of ours: trying again would meet it again, so it is told once."""

    code = "INTERNAL_ERROR"
    category = Category.INTERNAL
    advice = ("Report it to the operators: their log names the cause.",)


class PassedOn(InvalidInput):
    """Another process's problem, passed on as it is; a subclass says whose."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, suggestions=problem.suggestions, **problem.details)
        self._problem = problem
        self.code = problem.code  # type: ignore[misc]  # theirs names the cause, not the class's
        self.category = problem.category  # type: ignore[misc]  # the same

    def problem(self) -> Problem:
        """Return the problem as it was put."""
        return self._problem


class DidNotConverge(InvalidInput):
    """A fit diverged or produced numbers that are not finite."""

    code = "MODEL_CONVERGENCE"
    category = Category.MODEL_CONVERGENCE
