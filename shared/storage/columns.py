"""A row's fields as columns of a table: what each holds, and how its values travel to a store."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, create_model
from pydantic.fields import FieldInfo

from shared.errors import InvalidInput
from shared.storage.records import Condition, Less, OneOf, Row, Scalar, Where

Type = Literal["text", "integer", "real", "boolean", "time", "json"]

_SCALARS: dict[object, Type] = {
    str: "text",
    int: "integer",
    float: "real",
    bool: "boolean",
    datetime: "time",
    AwareDatetime: "time",
}
_KEPT_BY_THE_STORE = frozenset({"id", "owner", "revision", "created_at", "updated_at"})


class NotStorable(InvalidInput):
    """A value no store can keep: not a finite number, or text with a NUL character."""

    code = "NOT_STORABLE"
    advice = ("Send null instead of NaN or infinity, and text without control characters.",)


@dataclass(frozen=True)
class TableColumn:
    """One column; ``json`` holds every value that is not a plain scalar."""

    name: str
    type: Type
    nullable: bool
    required: bool


@cache
def columns(kind: type[Row]) -> Mapping[str, TableColumn]:
    """Return the columns of a row type, in field order.

    >>> from shared.storage.rows import ChunkRow
    >>> [f"{c.name} {c.type}" for c in columns(ChunkRow).values()][5:7]
    ['session_id text', 'file_id text']
    """
    return {name: _column(name, field) for name, field in kind.model_fields.items()}


def column(kind: type[Row], name: str) -> TableColumn:
    """Return one column; a name that is no field of the row is a mistake of the caller."""
    try:
        return columns(kind)[name]
    except KeyError:
        raise ValueError(f"{kind.__name__} has no field {name!r}") from None


def ordering(kind: type[Row], order: str) -> tuple[str, bool]:
    """Split an ``order`` argument into its column and whether it descends.

    >>> from shared.storage.rows import RunRow
    >>> ordering(RunRow, "-created_at")
    ('created_at', True)
    """
    return column(kind, order.removeprefix("-")).name, order.startswith("-")


def conditions(kind: type[Row], where: Where) -> Iterator[tuple[TableColumn, Condition]]:
    """Yield each condition with its column, times made sortable text."""
    for name, condition in where.items():
        at = column(kind, name)
        if at.type == "json":
            raise ValueError(f"{kind.__name__}.{name} is a document; rows are not selected by it")
        match condition:
            case Less(value):
                yield at, Less(_scalar(value))
            case OneOf(values):
                yield at, OneOf(tuple(map(_scalar, values)))
            case _:
                yield at, _scalar(condition)


def encode(row: BaseModel, kind: type[Row]) -> dict[str, JsonValue]:
    """Return the fields that are set, as JSON values; times are UTC text of fixed width, so they sort."""
    known = columns(kind)
    values = row.model_dump(mode="json")
    for name in values:
        value = getattr(row, name)
        if known[name].type == "time" and value is not None:
            values[name] = as_text(value)
    return values


def encode_changes(kind: type[Row], changes: Mapping[str, object]) -> dict[str, JsonValue]:
    """Validate changes as the row would and return them encoded.

    Raises
    ------
    pydantic.ValidationError
        If a value does not fit its field, or a name is no changeable field.
    """
    checked = _changes_model(kind).model_validate(changes)
    return {name: value for name, value in encode(checked, kind).items() if name in changes}


def decode(kind: type[Row], values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out empty columns whose field has a default: the row is older than the field."""
    known = columns(kind)
    return {
        name: value
        for name, value in values.items()
        if value is not None or known[name].nullable or known[name].required
    }


def as_text(moment: datetime) -> str:
    """Return a moment as UTC text of fixed width.

    >>> as_text(datetime(2026, 1, 2, 3, tzinfo=UTC))
    '2026-01-02T03:00:00.000000+00:00'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _scalar(value: Scalar) -> Scalar:
    return as_text(value) if isinstance(value, datetime) else value


def _column(name: str, field: FieldInfo) -> TableColumn:
    options: tuple[object, ...] = (field.annotation,)
    nullable = False
    if get_origin(field.annotation) in (Union, types.UnionType):
        options = tuple(a for a in get_args(field.annotation) if a is not type(None))
        nullable = len(options) < len(get_args(field.annotation))
    type_ = _type(options[0]) if len(options) == 1 else "json"
    return TableColumn(name, type_, nullable, field.is_required())


def _type(annotation: object) -> Type:
    if get_origin(annotation) is Literal:
        return "text"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "text"
    return _SCALARS.get(annotation, "json")


@cache
def _changes_model(kind: type[Row]) -> type[BaseModel]:
    """Build the model of "any of the fields, and nothing else", so that changes meet the row's own rules."""
    fields: dict[str, Any] = {
        name: (field.rebuild_annotation(), None)
        for name, field in kind.model_fields.items()
        if name not in _KEPT_BY_THE_STORE
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(f"{kind.__name__}Changes", __config__=config, **fields)
