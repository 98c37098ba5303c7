"""The pure cores by themselves: from a CSV file to a scored forecast, without broker, ledger or processes.

    python examples/forecast_without_a_broker.py

Every step is a function of arrays and frozen settings; the services only decide when to call them.
"""

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from services.ingest.core.options import ReadOptions
from services.ingest.core.read import read_file
from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.model import ignore_progress
from shared.contracts.kinds import LinearSpec
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.demo_data import flight_files
from shared.windows.dataset import build_dataset

DAY = 24  # hours


def main() -> None:
    """Forecast a day of departures from New York from the two days before."""
    [flights] = read_file(flight_files()[0].content, options=ReadOptions(), file_name="departures.csv")
    print(f"{flights.series.name}: {flights.statistics.n} rows, step {flights.quality.step_s} s")

    past = Horizon(start=-(2 * DAY - 1), end=0)
    coming = Horizon(start=1, end=DAY)
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="flights", name="departures", role="input", horizon=past),
            SeriesSpec(series_id="flights", name="departures", role="output", horizon=coming),
        ),
        input_steps=2 * DAY,
        output_steps=DAY,
        stride=timedelta(hours=1).total_seconds() / 60,
    )
    dataset = build_dataset(spec, {"flights": flights.series})
    print(f"data set: {dataset.n_windows} windows, {dataset.drops.sentence()}")

    train, validation = dataset.part("train"), dataset.part("validation")
    fitted = fit_linear(LinearSpec(), train, validation, dataset.layout, on_progress=ignore_progress)
    test = dataset.part("test")
    forecast = dataset.layout.y_scaler.inverse(fitted.model.predict(test.x).astype(float))
    truth = dataset.y_true(dataset.indices("test"))
    yesterday = dataset.x(dataset.indices("test"), scaled=False)[:, -DAY:, :1]
    error, naive = (abs(guess - truth).mean() for guess in (forecast, yesterday))
    print(f"linear model: MAE {error:.2f} flights per hour; the day before: {naive:.2f}")


if __name__ == "__main__":
    main()
