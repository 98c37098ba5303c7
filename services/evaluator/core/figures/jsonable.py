"""Figure values as JSON and back: arrays become lists, what is not finite becomes null."""

from dataclasses import fields, is_dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Return a value made of dicts, lists, text and finite numbers.

    >>> plain({"a": np.array([1.0, np.nan]), 2: (True, None)})
    {'a': [1.0, None], '2': [True, None]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value


def rebuilt(kind: type[T], values: dict[str, Any]) -> T:
    """Return the dataclass that ``plain`` turned into ``values``; null in an array of numbers is NaN again.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the values are not those of the class.
    """
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass, as the name says
    return kind(**{name: _rebuilt(hints[name], values[name]) for name in known})


def _rebuilt(hint: Any, value: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return rebuilt(hint, value)
    if origin is np.ndarray:
        dtype = get_args(inner[1])[0]
        return np.array(value, dtype=dtype) if dtype is np.float64 else np.array(value).astype(dtype)
    if origin in (Union, UnionType):
        return None if value is None else _rebuilt(next(i for i in inner if i is not NoneType), value)
    if origin is tuple:
        return tuple(_rebuilt(inner[0], item) for item in value)
    if origin is dict:
        return {key: _rebuilt(inner[1], item) for key, item in value.items()}
    return value
