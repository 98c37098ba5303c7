"""The benchmark's work as a request of ours."""

from benchmarks.windows_work import HOUR_NS, INPUTS, STEPS, rows, step_ns
from shared.contracts.specs import FEATURES, Calendar, CalendarFeature, DatasetSpec, Horizon, SeriesSpec
from shared.series.series import Series


def request(n_rows: int, n_inputs: int = INPUTS) -> DatasetSpec:
    """Return the settings: inputs, one output, five calendar features on the local clock."""
    hours = step_ns(n_rows) / HOUR_NS
    past, future = Horizon(start=(1 - STEPS) * hours, end=0), Horizon(start=hours, end=STEPS * hours)
    feature = CalendarFeature(enabled=True, horizon=past, local_time=True)
    inputs = [
        SeriesSpec(series_id=f"s{i}", name=f"s{i}", role="input", horizon=past) for i in range(n_inputs)
    ]
    output = SeriesSpec(series_id="s0", name="s0", role="output", horizon=future)
    calendar = dict.fromkeys(FEATURES, feature)
    return DatasetSpec(
        series=(*inputs, output),
        input_steps=STEPS,
        output_steps=STEPS,
        stride=60 * hours,
        calendar=Calendar.model_validate({**calendar, "timezone": "Europe/Vienna", "country": "AT"}),
    )


def series_of(n: int, n_inputs: int = INPUTS) -> dict[str, Series]:
    """Return the rows as series; further inputs are shifted copies."""
    times, values = rows(n)
    return {f"s{i}": Series(f"s{i}", times, values[:, i % INPUTS] + i) for i in range(n_inputs)}
