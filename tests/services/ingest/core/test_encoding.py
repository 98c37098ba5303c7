"""Encodings with and without a mark, and what is no text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core import encoding
from services.ingest.core.encoding import first_pass
from services.ingest.core.problems import NotText, UnknownEncoding

TEXT = "Zeit;Außentemperatur °C\n2024-01-01;1\n2024-01-02;2\n"


@pytest.mark.parametrize(
    "name",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"],
)
def test_an_encoding_is_found(name: str) -> None:
    seen = first_pass(TEXT.encode(name))

    assert seen.sample.lstrip("\ufeff") == TEXT
    assert seen.n_lines == 3


def test_cyrillic_single_bytes_are_not_taken_for_western_ones() -> None:
    text = "Дата;Температура воздуха\n" + "2024-01-01;1\n" * 5

    seen = first_pass(text.encode("cp1251"))

    assert seen.encoding != "cp1252"
    assert seen.sample.startswith("Дата;Температура")


def test_a_foreign_byte_deep_in_the_file_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BLOCK_BYTES", 16)
    content = b"t;v\n" + b"2024-01-01;1\n" * 50 + "2024-01-02;3 °\n".encode("cp1252")

    assert first_pass(content).encoding == "cp1252"


def test_a_wrong_encoding_names_the_byte() -> None:
    with pytest.raises(UnknownEncoding, match="byte 9 cannot be read as ascii"):
        first_pass("Zeit;Last°\n".encode("latin-1"), encoding="ascii")


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"%PDF-1.7", b"\x1f\x8b\x08", b"PAR1", b"\x89PNG\r\n"])
def test_other_formats_are_named(magic: bytes) -> None:
    with pytest.raises(NotText, match="not a CSV file"):
        first_pass(magic + b"\n1;2\n")


@given(st.lists(st.sampled_from(["a", "\n", "\r", "\r\n"])), st.integers(1, 8))
def test_lines_are_counted_whatever_their_ends_and_the_blocks(parts: list[str], size: int) -> None:
    content = ("x" + "".join(parts)).encode()
    whole = len(content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK_BYTES", size)
        assert first_pass(content).n_lines == whole
