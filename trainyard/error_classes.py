"""Every error class of the product, found by importing its modules."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.errors import TrainyardError

_ROOT = Path(__file__).parents[1]
_FOLDERS = ("shared", "services", "trainyard")
_NEEDS_TENSORFLOW = "services/trainer/core/networks"


@dataclass(frozen=True)
class ErrorClass:
    """What a class says of itself."""

    code: str
    name: str  # module and class
    category: str
    meaning: str
    advice: tuple[str, ...]


def error_classes() -> list[ErrorClass]:
    """Return every class with a code of its own, by code; classes that only inherit one are left out."""
    for path in sorted(path for folder in _FOLDERS for path in (_ROOT / folder).rglob("*.py")):
        module = path.relative_to(_ROOT)
        if "code = " in path.read_text() and not str(module).startswith(_NEEDS_TENSORFLOW):
            importlib.import_module(".".join(module.with_suffix("").parts))
    found = (
        ErrorClass(
            code=cls.code,
            name=f"{cls.__module__}.{cls.__name__}",
            category=cls.category.value,
            meaning=(cls.__doc__ or "").strip().splitlines()[0],
            advice=cls.advice,
        )
        for cls in _subclasses(TrainyardError)
        if "code" in vars(cls) and cls.__module__.split(".")[0] in _FOLDERS
    )
    return sorted(found, key=lambda known: known.code)


def _subclasses(cls: type[TrainyardError]) -> Iterator[type[TrainyardError]]:
    yield cls
    for below in cls.__subclasses__():
        yield from _subclasses(below)
