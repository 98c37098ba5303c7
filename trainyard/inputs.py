"""Which series a model sees, and when: their past, what is known in advance, how they were before."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from shared.contracts.specs import Horizon, SeriesSpec
from shared.errors import InvalidInput
from trainyard.responses import Series


class UnknownInput(InvalidInput):
    """A series that is said to be known in advance, or to be seen as it was before, is no input."""

    code = "UNKNOWN_INPUT"
    advice = ("Name an uploaded series as the list above shows it, or its column of categories.",)


class LagTooShort(InvalidInput):
    """Values so little before the time that is forecast are not known yet when it is forecast."""

    code = "LAG_TOO_SHORT"


def horizon_of(
    series: Series,
    future: Collection[str],
    future_only: Collection[str],
    *,
    past: Horizon,
    known: Horizon,
    coming: Horizon,
) -> Horizon:
    """Return the window of an input: its past, with what is known ahead, or what is known ahead alone."""
    if is_known(series, future_only):
        return coming
    return known if is_known(series, future) else past


def check_names(others: Sequence[Series], future: Collection[str], future_only: Collection[str]) -> None:
    """Refuse names that mean no series beside the target, or two things at once."""
    names = {s.name for s in others} | {category_of(s) for s in others}
    listed = ", ".join(sorted(name for name in names if name)) or "none"
    for field, given in (("future", future), ("future_only", future_only)):
        for name in given:
            if name not in names:
                raise UnknownInput(
                    f"{name!r} is no input that may be known in advance; these may: {listed}", field=field
                )
    if twice := sorted(set(future) & set(future_only)):
        raise UnknownInput(
            f"{twice[0]!r} is given with its past and without it",
            suggestions=("Name it once: --future keeps its past, --future-only does not.",),
            field="future_only",
        )


def lagged(
    inputs: Sequence[Series], lags: Mapping[str, timedelta], known: Horizon, ahead: float, step: float
) -> Iterator[SeriesSpec]:
    """Yield series as they were some time before the moments that are forecast, as inputs of their own."""
    by_name = {s.name: s for s in inputs}
    for said, lag in lags.items():
        name, hours = said or inputs[0].name, lag.total_seconds() / 3600
        if name not in by_name:
            raise UnknownInput(f"{name!r} is no input; these are: {', '.join(sorted(by_name))}", field="lags")
        if hours < ahead or hours * 60 % step:
            raise LagTooShort(
                f"a lag of {hours:g} h of {name!r} does not fit forecasts {ahead:g} h ahead in steps of "
                f"{step:g} min: what was less than {ahead:g} h before is not known yet",
                suggestions=(f"Give a whole number of steps, at least {ahead:g} h.",),
                field="lags",
            )
        yield SeriesSpec(
            series_id=by_name[name].series_id,
            name=f"{name}, {hours:g} h before",
            role="input",
            horizon=Horizon(start=known.start - hours, end=known.end - hours),
        )


def category_of(series: Series) -> str | None:
    """Return the column of categories that a series of 0 and 1 tells one value of, None for other series."""
    facts = series.quality.get("file")
    columns = facts.get("categories") if isinstance(facts, dict) else None
    names = columns if isinstance(columns, dict) else {}
    return next((column for column in names if f"{column} = " in series.name), None)


def is_known(series: Series, future: Collection[str]) -> bool:
    """Tell a series that is known in advance, by its name or that of its column of categories."""
    return series.name in future or category_of(series) in future


def is_constant(series: Series) -> bool:
    """Tell a column that never changes: it says nothing of what comes."""
    low, high = series.statistics.get("min"), series.statistics.get("max")
    return low is not None and low == high
