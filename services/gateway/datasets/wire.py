"""Time steps, calendar and split as the clients of both generations send them."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from services.gateway.datasets.countries import country_code
from services.gateway.http.wire import Earlier, Maybe, YesNo, spelled
from services.gateway.problems import InvalidConfiguration, refused_by
from shared.contracts.specs import (
    FEATURES,
    Calendar,
    CalendarFeature,
    Feature,
    Horizon,
    Range,
    Split,
    column_names,
)

GERMAN_FEATURES: dict[Feature, str] = {
    "year": "jahr", "month": "monat", "week": "woche", "day": "tag", "holiday": "feiertag",
}  # fmt: skip

Steps = Annotated[int, Field(ge=1, le=100_000)]
OptionalFloat = Annotated[Annotated[float, Field(ge=-1e9, le=1e9)] | None, Maybe]  # hours, minutes, a range
OptionalText = Annotated[str | None, Maybe]
Switch = Annotated[YesNo | None, Maybe]
HOLIDAYS_OF = "DE"  # the earlier system's, where nobody named a country
_SHARED = (
    "datenform", "zeithorizontStart", "zeithorizontEnd", "detaillierteBerechnung", "skalierung",
    "skalierungMin", "skalierungMax",
)  # fmt: skip


class TimeSteps(Earlier):
    """How many steps a window has, and how far apart two windows start. All of it may still be empty."""

    input: Annotated[Steps | None, Maybe] = Field(
        None,
        validation_alias=spelled("input", "eingabe", "inputSteps", "input_steps"),
        description="points of an input window; default: a point per row over the series' horizon",
    )
    output: Annotated[Steps | None, Maybe] = Field(
        None,
        validation_alias=spelled("output", "ausgabe", "outputSteps", "output_steps"),
        description="points of an output window; default: a point per row over the series' horizon",
    )
    step_size: Annotated[Annotated[float, Field(gt=0, le=1e9)] | None, Maybe] = Field(
        None,
        validation_alias=spelled("stepSize", "zeitschrittweite", "step_size", "stride"),
        description="minutes between two windows; default: between two rows of the first output",
    )
    offset: Annotated[Annotated[float, Field(ge=0, le=1e9)] | None, Maybe] = Field(
        None, validation_alias=spelled("offset", "offsett"), description="minutes past the anchor"
    )

    def wire(self) -> dict[str, JsonValue]:
        """Return the spelling new clients use."""
        return {
            "input": self.input, "output": self.output, "stepSize": self.step_size, "offset": self.offset,
        }  # fmt: skip

    def german(self) -> dict[str, JsonValue]:
        """Return the spelling of the earlier frontend."""
        return {
            "eingabe": self.input,
            "ausgabe": self.output,
            "zeitschrittweite": self.step_size,
            "offset": self.offset,
        }


class Category(Earlier):
    """How one calendar feature is cut and scaled."""

    at: Annotated[Literal["Zeithorizont", "Aktuelle Zeit", "window", "reference"] | None, Maybe] = Field(
        None, validation_alias=spelled("datenform", "at")
    )
    start: OptionalFloat = Field(None, validation_alias=spelled("zeithorizontStart", "horizonStart", "start"))
    end: OptionalFloat = Field(None, validation_alias=spelled("zeithorizontEnd", "horizonEnd", "end"))
    local_time: Switch = Field(None, validation_alias=spelled("detaillierteBerechnung", "localTime"))
    scale: Switch = Field(None, validation_alias=spelled("skalierung", "scale"))
    scale_min: OptionalFloat = Field(None, validation_alias=spelled("skalierungMin", "scaleMin"))
    scale_max: OptionalFloat = Field(None, validation_alias=spelled("skalierungMax", "scaleMax"))
    country: OptionalText = Field(None, validation_alias=spelled("land", "country"))

    def feature(self, *, enabled: bool) -> CalendarFeature:
        """Return the feature in our terms."""
        default = CalendarFeature().horizon
        return CalendarFeature(
            enabled=enabled,
            at="reference" if self.at in ("Aktuelle Zeit", "reference") else "window",
            horizon=Horizon(
                start=default.start if self.start is None else self.start,
                end=default.end if self.end is None else self.end,
            ),
            local_time=bool(self.local_time),
            scale=scale_range(self.scale, self.scale_min, self.scale_max),
        )

    def german(self) -> dict[str, JsonValue]:
        """Return the spelling of the earlier frontend."""
        return {
            "datenform": "Aktuelle Zeit" if self.at in ("Aktuelle Zeit", "reference") else "Zeithorizont",
            "zeithorizontStart": self.start,
            "zeithorizontEnd": self.end,
            "detaillierteBerechnung": bool(self.local_time),
            "skalierung": "ja" if self.scale else "nein",
            "skalierungMin": self.scale_min,
            "skalierungMax": self.scale_max,
            "land": self.country,
        }


class TimeInfo(Earlier):
    """Which calendar features join the inputs, and whose clock and holidays they follow."""

    year: Switch = Field(None, validation_alias=spelled("year", "jahr"))
    month: Switch = Field(None, validation_alias=spelled("month", "monat"))
    week: Switch = Field(None, validation_alias=spelled("week", "woche"))
    day: Switch = Field(None, validation_alias=spelled("day", "tag"))
    holiday: Switch = Field(None, validation_alias=spelled("holiday", "feiertag"))
    timezone: OptionalText = Field(None, validation_alias=spelled("timezone", "zeitzone"))
    country: OptionalText = Field(None, validation_alias=spelled("country", "land"))
    subdivision: OptionalText = Field(None, validation_alias=spelled("subdivision", "bundesland"))
    categories: dict[str, Category] = Field(
        default_factory=dict, validation_alias=spelled("categories", "category_data", "categoryData")
    )

    @classmethod
    def translated(cls, value: Any) -> Any:
        """Read the older flat form: one set of settings for every feature without its own."""
        if not isinstance(value, dict) or not (shared := {k: value[k] for k in _SHARED if k in value}):
            return value
        own = value.get("category_data") or {}
        if not isinstance(own, dict):
            return value
        rest = {name: said for name, said in value.items() if name not in (*_SHARED, "category_data")}
        missing = {name: shared for name in GERMAN_FEATURES.values() if name not in own}
        return {**rest, "category_data": {**missing, **own}}

    @model_validator(mode="after")
    def _known_categories(self) -> "TimeInfo":
        for name in self.categories:
            if feature_named(name) is None:
                known = ", ".join([*FEATURES, *GERMAN_FEATURES.values()])
                raise ValueError(f"category_data.{name} is no calendar feature; known are {known}")
        return self

    def warnings(self) -> Iterator[str]:
        """Say what is assumed where nothing was said."""
        if self.holiday and self._country() is None:
            yield f"holiday: no country was named; the holidays of Germany ({HOLIDAYS_OF}) are used"

    def calendar(self, *, holidays_of: str | None = HOLIDAYS_OF) -> Calendar:
        """Return the settings in our terms.

        Parameters
        ----------
        holidays_of
            Whose holidays are meant where no country is named; None where that is not assumed.

        Raises
        ------
        InvalidConfiguration
            If two features name different countries, a country is unknown, or none is named and needed.
        """
        country = self._country() or (holidays_of if self.holiday else None)
        if self.holiday and country is None:
            raise InvalidConfiguration(
                "timeFeatures.country: whose holidays are meant",
                suggestions=("Give the two-letter code of ISO 3166, for instance AT.",),
                fields=[{"field": "timeFeatures.country", "message": "is missing"}],
            )
        by_feature = {feature_named(name): category for name, category in self.categories.items()}
        try:
            features = {
                name: by_feature.get(name, Category()).feature(enabled=bool(getattr(self, name)))
                for name in FEATURES
            }
            return Calendar(
                **features,
                timezone=self.timezone or "UTC",
                country=country,
                subdivision=self.subdivision,
            )
        except ValidationError as error:
            raise refused_by(error, InvalidConfiguration, within="timeFeatures") from None

    def _country(self) -> str | None:
        named = {"land": self.country} | {f"{name}.land": c.country for name, c in self.categories.items()}
        codes = {field: country_code(text, field=field) for field, text in named.items() if text}
        if len(set(codes.values())) > 1:
            raise InvalidConfiguration(
                "the calendar features name different countries; a data set has one",
                fields=[
                    {
                        "field": f"category_data.{field}",
                        "message": f"{code}: give the same country everywhere",
                    }
                    for field, code in codes.items()
                ],
            )
        return next(iter(codes.values()), None)

    def wire(self) -> dict[str, JsonValue]:
        """Return the spelling new clients use."""
        switches: dict[str, JsonValue] = {name: bool(getattr(self, name)) for name in FEATURES}
        return {
            **switches,
            "timezone": self.timezone,
            "country": self.country,
            "subdivision": self.subdivision,
        }

    def german(self) -> dict[str, JsonValue]:
        """Return the spelling of the earlier frontend."""
        switches: dict[str, JsonValue] = {
            german: bool(getattr(self, name)) for name, german in GERMAN_FEATURES.items()
        }
        categories: dict[str, JsonValue] = {name: c.german() for name, c in self.categories.items()}
        return {**switches, "zeitzone": self.timezone, "land": self.country, "category_data": categories}


class SplitIn(Earlier):
    """Shares of the samples in percent."""

    train: OptionalFloat = Field(None, validation_alias=spelled("train", "trainPercentage"))
    validation: OptionalFloat = Field(
        None, validation_alias=spelled("validation", "valPercentage", "validationPercentage")
    )
    test: OptionalFloat = Field(None, validation_alias=spelled("test", "testPercentage"))
    purge: Switch = None
    shuffle: Switch = None
    random_dat: Switch = Field(None, validation_alias=spelled("random_dat", "randomDat"))
    seed: Annotated[Annotated[int, Field(ge=0, lt=2**32)] | None, Maybe] = None

    def split(self, base: Split) -> Split:
        """Return the split in our terms, what is not given as in ``base``."""
        given = self.model_dump(exclude_none=True, exclude={"random_dat"})
        if self.random_dat is not None:
            given["shuffle"] = bool(self.shuffle or self.random_dat)
        return Split.model_validate({**base.model_dump(), **given})

    def warnings(self) -> Iterator[str]:
        """Say how contradictions are read."""
        if None not in (self.shuffle, self.random_dat) and self.shuffle != self.random_dat:
            yield "training_split: shuffle and random_dat differ; one of them is true, so samples are mixed"


def scale_range(wanted: bool | None, low: float | None, high: float | None) -> Range | None:
    """Return the target range of scaling; None where scaling is off."""
    if not wanted:
        return None
    return Range(min=0.0 if low is None else low, max=1.0 if high is None else high)


def feature_named(name: str) -> Feature | None:
    """Return the feature of a German or English name.

    >>> feature_named("Feiertag"), feature_named("day"), feature_named("moon")
    ('holiday', 'day', None)
    """
    text = name.strip().lower()
    found = [f for f, german in GERMAN_FEATURES.items() if text in (f, german)]
    return found[0] if found else None


def short_name(column: str) -> str:
    """Return the earlier frontend's name of a calendar column.

    >>> short_name("week_sin"), short_name("holiday")
    ('W_sin', 'H')
    """
    feature, _, wave = column.partition("_")
    return feature[0].upper() + (f"_{wave}" if wave else "")


def columns_named(name: str) -> tuple[str, ...]:
    """Return the columns a ticked name means: a calendar column in short, a whole feature, or a series.

    >>> columns_named("W_sin"), columns_named("week"), columns_named("Load")
    (('week_sin',), ('week_sin', 'week_cos'), ('Load',))
    """
    by_short = {short_name(column): column for feature in FEATURES for column in column_names(feature)}
    if name in by_short:
        return (by_short[name],)
    return next((column_names(feature) for feature in FEATURES if name == feature), (name,))
