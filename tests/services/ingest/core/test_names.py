"""Names for people, from headers and file names."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.names import MAX_LENGTH, display_names, stem


@given(st.lists(st.sampled_from(["load", "load (2)", "wind", "x" * 255])))
def test_display_names_are_distinct_and_short_enough(names: list[str]) -> None:
    shown = display_names(names)

    assert len(set(shown)) == len(names)
    assert all(0 < len(name) <= MAX_LENGTH for name in shown)


@given(st.text())
def test_the_stem_of_a_file_name_is_no_path(file_name: str) -> None:
    called = stem(file_name)

    assert not set(called) & set("/\\\x00\n")
    assert called not in (".", "..")


def test_a_telling_header_beats_the_file_name() -> None:
    assert display_names(["Load"], file_name="export.csv") == ("Load",)
    assert display_names(["value"], file_name="export.csv") == ("export",)
    assert display_names(["value", "other"], file_name="export.csv") == ("value", "other")
