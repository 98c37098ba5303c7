"""Parts: sizes by rounding, order by time, borders without overlap."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.specs import Split
from shared.windows.split import split
from tests.shared.windows.strategies import thorough


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    train = draw(st.integers(1, 100))
    validation = draw(st.integers(0, 100 - train))
    validation = min(validation, 99)
    return {"train": train, "validation": validation, "test": 100 - train - validation}


@pytest.mark.parametrize(("n", "sizes"), [(10, (7, 2, 1)), (5, (4, 1, 0)), (3, (2, 1, 0)), (25, (18, 5, 2))])
def test_sizes_are_rounded_as_python_rounds(n: int, sizes: tuple[int, int, int]) -> None:
    parts = split(np.arange(n), Split(purge=False), reach_ns=(0, 0))

    assert (len(parts.train), len(parts.validation), len(parts.test)) == sizes


@given(n=st.integers(0, 300), share=shares(), low=st.integers(-40, 0), high=st.integers(0, 40))
@thorough
def test_no_window_of_a_part_begins_before_the_parts_before_it_end(
    n: int, share: dict[str, float], low: int, high: int
) -> None:
    ref = np.arange(n) * 3

    parts = split(ref, Split.model_validate(share), reach_ns=(low, high))

    pieces = [piece for piece in (parts.train, parts.validation, parts.test) if len(piece)]
    for earlier, later in pairwise(pieces):
        assert ref[earlier].max() + high < ref[later].min() + low
    assert sum(map(len, pieces)) + parts.n_purged == n


@given(n=st.integers(0, 300), share=shares(), seed=st.integers(0, 9))
@thorough
def test_a_shuffled_split_is_a_partition_repeats_and_says_it_leaks(
    n: int, share: dict[str, float], seed: int
) -> None:
    setting = Split.model_validate(share | {"shuffle": True, "seed": seed})

    parts = split(np.arange(n), setting, reach_ns=(-9, 9))
    again = split(np.arange(n), setting, reach_ns=(-9, 9))

    together = np.concatenate((parts.train, parts.validation, parts.test))
    assert sorted(together.tolist()) == list(range(n))
    np.testing.assert_array_equal(parts.train, again.train)
    assert parts.leaking
    assert parts.n_purged == 0
