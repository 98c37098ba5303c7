"""What is told of a file with its series: how it was written, as found or as told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.ingest.core.numbers import Decimal
from services.ingest.core.quality import QualityReport
from services.ingest.core.table import SetAside
from shared.series.series import Series, Statistics


@dataclass(frozen=True)
class Skipped:
    """A column that is no series, and why."""

    column: str
    reason: str
    values: tuple[str, ...] = ()  # of a text that may be read as categories


@dataclass(frozen=True)
class FileFacts:
    """How a file was written, as found or as told."""

    encoding: str
    delimiter: str
    decimal: Decimal
    first_line: int  # of the data
    time_columns: tuple[str, ...]
    time_format: str
    day_first: bool | None  # None: the order of day and month makes no difference
    timezone: str
    issue_column: str | None
    skipped: tuple[Skipped, ...]
    period_column: str | None = None  # hours or settlement periods beside a date
    key_columns: tuple[str, ...] = ()  # that name several series
    unit: str = ""  # behind the numbers
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values by column
    set_aside: tuple[SetAside, ...] = ()  # rows that are no data


@dataclass(frozen=True)
class SeriesRead:
    """One series of a file, checked."""

    series: Series
    quality: QualityReport
    statistics: Statistics
    file: FileFacts
