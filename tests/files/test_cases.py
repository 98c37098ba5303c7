"""Every case is read to exactly the right series, or answered with the right refusal or question."""

import numpy as np
import pytest

from services.ingest.core.read import ReadOptions, read_file
from shared.errors import InvalidInput
from tests.files.cases import KNOWN, FileCase
from tests.files.found_cases import FOUND
from tests.files.more_cases import MORE

CASES = [*KNOWN, *FOUND, *MORE]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_file_is_read_right_or_asked_about(case: FileCase) -> None:
    content = case.content.encode(case.encoding)
    options = ReadOptions.from_json(case.options)

    if case.problem:
        with pytest.raises(InvalidInput) as refused:
            read_file(content, options=options)
        assert refused.value.code == case.problem
        assert case.words in f"{refused.value.message} {refused.value.details}"
        return
    reads = read_file(content, options=options)
    found = [
        (
            read.series.name,
            len(read.series),
            read.series.times_ns[0],
            read.series.times_ns[-1],
            float(np.nansum(read.series.values)),
        )
        for read in reads
    ]

    wanted = [
        (name, n, nanoseconds(first), nanoseconds(last), total) for name, n, first, last, total in case.series
    ]
    assert [one[:4] for one in found] == [one[:4] for one in wanted]
    assert [one[4] for one in found] == pytest.approx([one[4] for one in wanted])
    if case.step_s:
        assert {read.quality.step_s for read in reads} == {case.step_s}


def test_fifty_cases_were_found_beside_the_known_ones() -> None:
    assert len({case.name for case in [*FOUND, *MORE]}) >= 50
    assert all(case.source for case in CASES)


def nanoseconds(stamp: str) -> int:
    return int(np.datetime64(stamp, "ns").astype(np.int64))
