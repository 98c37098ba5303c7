"""What a user can say about a file, for when finding out is not enough."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, JsonValue, ValidationError, field_validator

from services.ingest.core.numbers import Decimal
from shared.contracts.specs import Spec
from shared.series.problems import BadSetting

_DELIMITERS = frozenset("\t !#$%&'()*,/:;<=>?@[\\]^`{|}~")  # ASCII, and no part of a number


class ReadOptions(Spec):
    """How a file is to be read; what is left out is found out.

    Columns are named by their header, or by position as ``column 2``.
    """

    encoding: str | None = Field(default=None, description="a Python codec name, such as cp1252")
    delimiter: str | None = None
    decimal: Decimal | None = Field(default=None, description="the decimal mark of numbers")
    time_columns: tuple[str, ...] = Field(
        default=(), max_length=5, description="the column of time stamps, or those of date and time of day"
    )
    key_columns: tuple[str, ...] | None = Field(
        default=None,
        max_length=3,
        description="columns that name several series (meter, sensor), one per value; empty = none does",
    )
    doubled: Literal["last", "first", "mean", "sum"] | None = Field(
        default=None, description="which of the rows with one stamp holds, or what is made of them"
    )
    missing_values: tuple[float, ...] | None = Field(
        default=None, description="numbers that stand for no value, such as -999; empty = none does"
    )
    issue_column: str | None = Field(
        default=None, description="for archived forecasts: when each row became known"
    )
    category_columns: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="columns of at most 20 different texts that become a series of 0 and 1 per value",
    )
    category_values: Mapping[str, tuple[str, ...]] = Field(
        default={}, max_length=50, description="their values; left out = those of the file"
    )
    value_columns: tuple[str, ...] = Field(default=(), description="the series to read; empty = all columns")
    timezone: str | None = Field(default=None, description="IANA zone of stamps without offset; null = UTC")
    time_format: str | None = Field(
        default=None, description="a strptime format, or epoch_s, epoch_ms, epoch_us, epoch_ns, excel_days"
    )
    day_first: bool | None = Field(default=None, description="whether 03/04/2024 is the third of April")
    interval_end_minutes: float = Field(
        default=0.0,
        ge=0,
        le=527_040,
        description="length of the interval whose end a stamp names; 0 = instants",
    )

    @field_validator("delimiter")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in _DELIMITERS:
            raise ValueError(f"{value!r} is no delimiter; use one character such as ; , | or a tab")
        return value

    @classmethod
    def from_json(cls, settings: Mapping[str, JsonValue]) -> Self:
        """Return the options a request names.

        Raises
        ------
        BadSetting
            Naming the first field that is unknown or has a value without meaning.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise BadSetting(f"reading option {field}: {first['msg']}", field=field) from error
