"""What can go wrong, in words a forecaster can act on. The same shape on every wire."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue


class Category(StrEnum):
    """Which kind of reaction a problem asks for."""

    DATA_VALIDATION = "DATA_VALIDATION"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    MODEL_CONVERGENCE = "MODEL_CONVERGENCE"
    RESOURCE_EXHAUSTION = "RESOURCE_EXHAUSTION"
    AUTH = "AUTH"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    RATE_LIMIT = "RATE_LIMIT"
    INTERNAL = "INTERNAL"


Severity = Literal["info", "warning", "error", "critical"]


class Problem(BaseModel):
    """One thing that went wrong: a stable code, what was found, what was needed, what to do."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    message: str
    category: Category = Category.DATA_VALIDATION
    severity: Severity = "error"
    suggestions: tuple[str, ...] = ()
    details: dict[str, JsonValue] = {}
