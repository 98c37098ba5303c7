"""How bodies are read: several spellings of a name, one meaning, nothing unknown."""

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

_YES = frozenset({"ja", "yes", "true", "1"})
_NO = frozenset({"nein", "no", "false", "0"})


class Wire(BaseModel):
    """A part of a request; a name it does not know is refused, not ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False, str_strip_whitespace=True
    )


class Answer(BaseModel):
    """A successful answer."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    success: bool = True


def spelled(*names: str) -> Any:
    """Return the accepted spellings of a field; the first is the documented one."""
    return AliasChoices(*names)


def _yes_or_no(value: object) -> object:
    text = value.strip().lower() if isinstance(value, str) else None
    if text in _YES:
        return True
    return False if text in _NO else value


def _empty_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
Maybe = BeforeValidator(_empty_is_none)  # forms send "" for a field nobody filled
SessionId = Annotated[str, Field(min_length=1, max_length=128)]
