"""What a data set will take is known about right before it is built."""

from pathlib import Path

import pytest

from services.datasets.core.artefact import build_artefact
from services.gateway.datasets.stored_size import stored_bytes
from shared.contracts.specs import Calendar, CalendarFeature, DatasetSpec, Horizon, SeriesSpec
from shared.storage.rows import SeriesRow
from tests.support.forecasting import hourly_series


def row(series_id: str, n: int) -> SeriesRow:
    return SeriesRow(
        id=series_id, owner="ada", session_id="s", file_id="f", position=0, name=series_id, object_key="k",
        sha256="0", statistics={"n": n, "step_min": 60.0}, quality={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n", "input_steps", "output_steps", "stride"),
    [
        (2_000, 24, 24, 60),
        (20_000, 168, 24, 60),
        (20_000, 168, 24, 1440),
        (5_000, 7, 5, 90),
        (3_000, 24, 1, 15),
    ],
)
def test_the_expected_bytes_are_about_those_that_are_stored(
    tmp_path: Path, n: int, input_steps: int, output_steps: int, stride: int
) -> None:
    past, ahead = Horizon(start=1 - input_steps, end=0), Horizon(start=1, end=output_steps)
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="temperature", name="t", role="input", horizon=past),
            SeriesSpec(series_id="load", name="load", role="output", horizon=ahead),
        ),
        input_steps=input_steps,
        output_steps=output_steps,
        stride=stride,
        calendar=Calendar(day=CalendarFeature()),
    )

    build_artefact(spec, hourly_series(n), tmp_path)

    found = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    expected = stored_bytes(spec, [row("temperature", n), row("load", n)])
    assert found / 2 < expected < 2 * found
