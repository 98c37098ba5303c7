"""Time steps, calendar and split as the clients of both generations send them."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from services.gateway.datasets.countries import country_code
from services.gateway.http.wire import Maybe, Wire, YesNo, spelled
from services.gateway.problems import InvalidConfiguration
from shared.contracts.specs import FEATURES, Calendar, CalendarFeature, Feature, Horizon, Range, Split

GERMAN_FEATURES: dict[Feature, str] = {
    "year": "jahr", "month": "monat", "week": "woche", "day": "tag", "holiday": "feiertag",
}  # fmt: skip

Steps = Annotated[int, Field(ge=1, le=100_000)]
OptionalFloat = Annotated[float | None, Maybe]
OptionalText = Annotated[str | None, Maybe]
Switch = Annotated[YesNo | None, Maybe]


class TimeSteps(Wire):
    """How many steps a window has, and how far apart two windows start. All of it may still be empty."""

    input: Annotated[Steps | None, Maybe] = Field(
        None, validation_alias=spelled("input", "eingabe", "inputSteps", "input_steps")
    )
    output: Annotated[Steps | None, Maybe] = Field(
        None, validation_alias=spelled("output", "ausgabe", "outputSteps", "output_steps")
    )
    step_size: Annotated[Annotated[float, Field(gt=0)] | None, Maybe] = Field(
        None,
        validation_alias=spelled("stepSize", "zeitschrittweite", "step_size", "stride"),
        description="minutes between two windows",
    )
    offset: Annotated[Annotated[float, Field(ge=0)] | None, Maybe] = Field(
        None, validation_alias=spelled("offset"), description="minutes past the anchor"
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


class Category(Wire):
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


class TimeInfo(Wire):
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

    @model_validator(mode="after")
    def _known_categories(self) -> "TimeInfo":
        for name in self.categories:
            if feature_named(name) is None:
                known = ", ".join([*FEATURES, *GERMAN_FEATURES.values()])
                raise ValueError(f"category_data.{name} is no calendar feature; known are {known}")
        return self

    def calendar(self) -> Calendar:
        """Return the settings in our terms.

        Raises
        ------
        InvalidConfiguration
            If two features name different countries, or a country is unknown.
        """
        by_feature = {feature_named(name): category for name, category in self.categories.items()}
        features = {
            name: by_feature.get(name, Category()).feature(enabled=bool(getattr(self, name)))
            for name in FEATURES
        }
        return Calendar(
            **features,
            timezone=self.timezone or "UTC",
            country=self._country(),
            subdivision=self.subdivision,
        )

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


class SplitIn(Wire):
    """Shares of the samples in percent."""

    train: OptionalFloat = Field(None, validation_alias=spelled("train", "trainPercentage"))
    validation: OptionalFloat = Field(
        None, validation_alias=spelled("validation", "valPercentage", "validationPercentage")
    )
    test: OptionalFloat = Field(None, validation_alias=spelled("test", "testPercentage"))
    purge: Switch = None
    shuffle: Switch = Field(None, validation_alias=spelled("shuffle", "random_dat", "randomDat"))
    seed: Annotated[Annotated[int, Field(ge=0, lt=2**32)] | None, Maybe] = None

    def split(self, base: Split) -> Split:
        """Return the split in our terms, what is not given as in ``base``."""
        given = self.model_dump(exclude_none=True)
        return Split.model_validate({**base.model_dump(), **given})


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
