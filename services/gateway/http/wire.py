"""How bodies are read: several spellings of a name, one meaning, nothing unknown passed over in silence."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from services.gateway.problems import ValidationFailed, sentence

_YES = frozenset({"ja", "yes", "true", "1"})
_NO = frozenset({"nein", "no", "false", "0"})
_NAME, _SHOWN = 80, 100  # longest name of an unknown field that is repeated, and how many


class Wire(BaseModel):
    """A part of a request at a path of our own; a name it does not know is refused, not ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False, str_strip_whitespace=True
    )


class Earlier(Wire):
    """A part of a request at a path of the earlier frontend: what it does not know is put aside and named.

    Named is also a second spelling of one field that contradicts the first.
    """

    model_config = Wire.model_config | {"extra": "ignore"}

    _put_aside: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def translated(cls, value: Any) -> Any:
        """Return what was sent in the form that is read here; parts with older forms translate them."""
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _note_unknown(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        value = cls.translated(value)
        part = handler(value)
        if isinstance(value, Mapping):
            known = _spellings(cls)
            taken: dict[str, Any] = {}
            aside = []
            for name in sorted(value, key=lambda n: known.get(n, ("", 0))[1]):
                field = known.get(name, (None, 0))[0]
                if field is None or taken.setdefault(field, value[name]) != value[name]:
                    aside.append(str(name)[:_NAME])
            part._put_aside = tuple(aside)
        return part


class Answer(BaseModel):
    """A successful answer."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    success: bool = True


class EarlierAnswer(Answer):
    """An answer at a path of the earlier frontend: what was put aside, and what was assumed."""

    ignored: list[str] = Field(
        default_factory=list, description="names in the request that mean nothing here"
    )
    warnings: list[str] = Field(
        default_factory=list, description="what could not be honoured, and what was done"
    )


Part = TypeVar("Part", bound=BaseModel)


def tolerant(kind: type[Part], stored: Mapping[str, Any]) -> Part:
    """Return what can be read of something stored: what an earlier version accepted and this one does not
    is left out, so that no stored value ever makes a request fail.
    """
    left = dict(stored)
    while True:
        try:
            return kind.model_validate(left)
        except ValidationError as error:
            wrong = {
                str(one["loc"][0]) for one in error.errors(include_url=False) if one["loc"]
            } & left.keys()
            if not wrong:
                return kind.model_validate({})
            left = {name: value for name, value in left.items() if name not in wrong}


@cache
def _spellings(kind: type[BaseModel]) -> dict[str, tuple[str, int]]:
    """Return every spelling of a part's fields: which field it means, and its place among the spellings."""
    known: dict[str, tuple[str, int]] = {}
    for name, field in kind.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias] if alias else []
        for place, spelling in enumerate([*choices, name]):
            known.setdefault(str(spelling), (name, place))
    return known


@cache
def _parts(kind: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Return the fields that hold parts of a request, with the documented spelling; plain JSON is none."""
    found = []
    for name, field in kind.model_fields.items():
        alias = field.validation_alias
        if _holds_parts(field.annotation):
            found.append((name, str(alias.choices[0]) if isinstance(alias, AliasChoices) else name))
    return tuple(found)


def _holds_parts(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_holds_parts(inner) for inner in get_args(annotation))


def put_aside(part: object, within: str = "") -> Iterator[str]:
    """Yield the dotted name of everything in a request that means nothing to us."""
    match part:
        case BaseModel():
            if isinstance(part, Earlier):
                yield from (f"{within}{name}" for name in part._put_aside)
            for name, shown in _parts(type(part)):
                yield from put_aside(getattr(part, name), f"{within}{shown}.")
        case dict():
            for key, value in part.items():
                yield from put_aside(value, f"{within}{key}.")
        case list() | tuple():
            for place, value in enumerate(part):
                yield from put_aside(value, f"{within}{place}.")


def remarks(
    *parts: object, ignored: Iterable[str] = (), warnings: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Return what an answer says about a request that was not taken as it came."""
    named = [name for part in parts for name in put_aside(part)]
    return {"ignored": [*named, *ignored][:_SHOWN], "warnings": list(dict.fromkeys(warnings))[:_SHOWN]}


def refuse_unknown(part: object) -> None:
    """Refuse what a path of our own does not know.

    Raises
    ------
    ValidationFailed
    """
    fields: list[Any] = [{"field": name, "message": "is not known here"} for name in put_aside(part)]
    if fields:
        raise ValidationFailed(sentence(fields), fields=fields)


def spelled(*names: str) -> Any:
    """Return the accepted spellings of a field; the first is the documented one."""
    return AliasChoices(*names)


def _yes_or_no(value: object) -> object:
    text = value.strip().lower() if isinstance(value, str) else None
    if text in _YES:
        return True
    return False if text in _NO else value


def _empty_is_none(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("", "null") else value


YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
Maybe = BeforeValidator(_empty_is_none)  # forms send "" or "null" for a field nobody filled
SessionId = Annotated[str, Field(min_length=1, max_length=128)]
