"""What a data set is made of: series, windows, calendar, split (meaning: docs/numerics.md)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["input", "output"]
Resample = Literal["auto", "filled", "linear", "mean", "nearest", "next", "previous"]
Content = Literal["measured", "forecast", "latest"]
Feature = Literal["year", "month", "week", "day", "holiday"]
FEATURES: tuple[Feature, ...] = ("year", "month", "week", "day", "holiday")


def column_names(feature: Feature) -> tuple[str, ...]:
    """Return the names of the columns a calendar feature becomes."""
    return ("holiday",) if feature == "holiday" else (f"{feature}_sin", f"{feature}_cos")


class Spec(BaseModel):
    """A frozen setting: equal values are equal specs, unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Horizon(Spec):
    """A window relative to the reference time, in hours; both ends are included."""

    start: float = Field(description="hours from the reference time to the first point")
    end: float = Field(description="hours from the reference time to the last point")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start > self.end:
            raise ValueError(
                f"horizon.start ({self.start} h) lies after horizon.end ({self.end} h): swap them"
            )
        return self


class Range(Spec):
    """The target range of min-max scaling; ``min`` and ``max`` may come in either order, but differ."""

    min: float = 0.0
    max: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def _swapped(cls, values: Any) -> Any:
        match values:
            case {"min": int() | float() as low, "max": int() | float() as high} if low > high:
                return {**values, "min": high, "max": low}
            case _:
                return values

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.min == self.max:
            raise ValueError("scale.min and scale.max are equal: every value would become the same number")
        if self.min > self.max:  # only one end was given, the default is the other
            raise ValueError(f"scale.min ({self.min:g}) lies above scale.max ({self.max:g}): swap them")
        return self


class SeriesSpec(Spec):
    """One uploaded column in one role, and how its window is cut.

    ``content`` says what the rows are: ``measured`` values at their own time; ``forecast`` rows that
    carry an issue time and a target time, of which only those issued at or before the reference time
    are used; ``latest`` repeats the newest value known at the reference time.

    ``resample`` says where a point between rows gets its value from. ``auto`` invents nothing: targets are
    rows of the file, past inputs the newest row of their own step (a gap within ``max_gap`` is interpolated
    as long as no row after the reference time is read), inputs known ahead are interpolated. ``filled``
    interpolates between numbers, be a row absent or empty; for ``linear`` an empty row leaves no value.
    """

    series_id: str = Field(description="which stored series the window is cut from")
    name: str = Field(min_length=1, max_length=255, description="display name, unique within its role")
    role: Role
    content: Content = "measured"
    horizon: Horizon = Field(description="the series' window around the reference time")
    resample: Resample = "auto"
    average_window: bool = False
    max_gap: Annotated[float, Field(gt=0)] | Literal["auto"] | None = Field(
        default="auto", description="minutes; auto = three native steps, null = no limit"
    )
    scale: Range | None = Range()
    bounded: bool = Field(
        default=True,
        description="of an output: no forecast below zero if training never was, zero where it is dark",
    )


class CalendarFeature(Spec):
    """One calendar feature; ``window`` follows its own horizon, ``reference`` repeats the value at ref."""

    enabled: bool = False
    at: Literal["window", "reference"] = "window"
    horizon: Horizon = Horizon(start=-24.0, end=0.0)
    local_time: bool = False
    scale: Range | None = None


class Calendar(Spec):
    """Which calendar features join the inputs, and whose clock and holidays they follow."""

    year: CalendarFeature = CalendarFeature()
    month: CalendarFeature = CalendarFeature()
    week: CalendarFeature = CalendarFeature()
    day: CalendarFeature = CalendarFeature()
    holiday: CalendarFeature = CalendarFeature()
    timezone: str = Field(default="UTC", description="IANA name")
    country: str | None = Field(default=None, description="ISO 3166 code or English name known to `holidays`")
    subdivision: str | None = None

    def enabled(self) -> tuple[tuple[Feature, CalendarFeature], ...]:
        """Return the enabled features in column order."""
        pairs = ((name, getattr(self, name)) for name in FEATURES)
        return tuple((name, feature) for name, feature in pairs if feature.enabled)


class Split(Spec):
    """Shares of the samples in percent, oldest to newest: train, validation, test."""

    train: float = Field(default=70.0, gt=0, le=100)
    validation: float = Field(default=20.0, ge=0, lt=100)
    test: float = Field(default=10.0, ge=0, lt=100)
    purge: bool = True
    shuffle: bool = False
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 100.0) > 1e-6:
            raise ValueError(f"split.train + split.validation + split.test is {total:g}, not 100")
        return self


class DatasetSpec(Spec):
    """Everything that decides the numbers of a data set, apart from the rows themselves."""

    series: tuple[SeriesSpec, ...] = Field(min_length=2, description="inputs and outputs in user order")
    input_steps: int = Field(ge=1, le=100_000)
    output_steps: int = Field(ge=1, le=100_000)
    stride: float = Field(gt=0, description="minutes between two consecutive reference times")
    offset: Annotated[float, Field(ge=0)] | Literal["auto"] = Field(
        default="auto",
        description="minutes past the anchor, less than stride; auto = on rows of the target",
    )
    calendar: Calendar = Calendar()
    split: Split = Split()

    @property
    def inputs(self) -> tuple[SeriesSpec, ...]:
        """Series of role input, in user order."""
        return tuple(s for s in self.series if s.role == "input")

    @property
    def outputs(self) -> tuple[SeriesSpec, ...]:
        """Series of role output, in user order."""
        return tuple(s for s in self.series if s.role == "output")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.inputs or not self.outputs:
            raise ValueError("series needs at least one input and one output")
        keys = [(s.role, s.name) for s in self.series]
        doubled = sorted({f"{role} {name!r}" for role, name in keys if keys.count((role, name)) > 1})
        if doubled:
            raise ValueError(
                f"series names must be unique within their role; given twice: {', '.join(doubled)}"
            )
        if self.offset != "auto" and self.offset >= self.stride:
            raise ValueError(f"offset ({self.offset:g} min) must be less than stride ({self.stride:g} min)")
        for s in self.series:
            steps = self.input_steps if s.role == "input" else self.output_steps
            if steps > 1 and s.horizon.start == s.horizon.end:
                raise ValueError(
                    f"{s.role} {s.name!r}: horizon.start equals horizon.end, no room for {steps} steps"
                )
        return self
