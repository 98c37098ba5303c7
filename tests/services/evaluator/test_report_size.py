"""The pictures of ten models, inline in one answer, stay small."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from benchmarks.reports import made_up_run
from services.evaluator.report import draw, write_report

LIMIT = 3_000_000  # bytes of one answer of GET /visualizations


@pytest.mark.slow
def test_the_pictures_of_ten_models_are_less_than_three_megabytes_inline(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    with ProcessPoolExecutor(
        min(os.cpu_count() or 1, 4), mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        _, drawn = pool.submit(write_report, made_up_run(10), folder).result()
        for picture in [pool.submit(draw, figure, folder / path) for path, figure in drawn.items()]:
            picture.result()

    sizes = [path.stat().st_size for path in folder.rglob("*.png")]
    assert len(sizes) == len(drawn) == 42
    assert sum(sizes) * 4 / 3 < LIMIT
