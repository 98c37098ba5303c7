"""Numbers from text, against Python's own float."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.core.numbers import Decimal, find_styles, parse_numbers
from services.ingest.core.problems import AmbiguousNumbers


@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(st.floats(allow_nan=False), min_size=1), decimal=st.sampled_from([".", ","]))
def test_written_numbers_come_back_exactly(numbers: list[float], decimal: Decimal) -> None:
    cells = np.array([repr(number).replace(".", decimal) for number in numbers], dtype=object)

    values, is_text = parse_numbers(cells, decimal)

    assert values.tolist() == numbers
    assert not is_text.any()


@settings(max_examples=100, deadline=None)
@given(number=st.integers(-(10**15), 10**15), places=st.integers(0, 3), swiss=st.booleans())
def test_grouped_numbers_come_back_exactly(number: int, places: int, swiss: bool) -> None:
    english = f"{number:,}" + ("." + "5" * places if places else "")
    group = "'" if swiss else "."
    german = english.replace(",", "_").replace(".", ",").replace("_", group)

    values, _ = parse_numbers(np.array([german], dtype=object), ",")

    assert values[0] == float(english.replace(",", ""))


@pytest.mark.parametrize(
    "cell", ["1.5", "12.34.567", "1.2345", "1,5,0", "1e", "0x10", "1_000", "5 MW", "--1", "True"]
)
def test_what_is_no_number_with_a_decimal_comma_is_text(cell: str) -> None:
    values, is_text = parse_numbers(np.array([cell], dtype=object), ",")

    assert np.isnan(values[0])
    assert is_text[0]


def test_until_a_decimal_mark_shows_a_comma_is_text() -> None:
    values, is_text = parse_numbers(np.array(["1,500", "2.5", "", None], dtype=object), None)

    assert np.array_equal(values, [np.nan, 2.5, np.nan, np.nan], equal_nan=True)
    assert is_text.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("cells", "delimiter", "expected"),
    [
        (["1,5"], ",", ","), (["1.5"], ";", "."), (["1.234.567"], ";", ","), (["1,234,567"], ";", "."),
        (["1,234"], ";", ","), (["1,234", "5.5"], ",", "."), (["1,234", "0,125"], ",", ","),
        (["7", "x"], ";", None), ([], ";", None),
    ],
)  # fmt: skip
def test_the_decimal_mark_is_what_the_cells_show(
    cells: list[str], delimiter: str, expected: Decimal | None
) -> None:
    [style] = find_styles([("load", cells)], delimiter=delimiter, decimal=None, european=False)

    assert style.decimal == expected


def test_commas_before_three_digits_alone_are_refused() -> None:
    with pytest.raises(AmbiguousNumbers, match=r"'1,234' may be 1234 or 1\.234"):
        find_styles([("load", ["1,234", "12,500"])], delimiter=",", decimal=None, european=False)
