"""Bytes as text: which encoding a file is in, and one look over all of it."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from charset_normalizer import from_bytes

from services.ingest.core.problems import EmptyFile, NotText, UnknownEncoding

Source = Path | bytes

BLOCK_BYTES = 1 << 22
_SAMPLE_CHARS = 1 << 18
_SAMPLE_LINES = 2000
_LEAST_LINES = 4  # that a sample of this size must hold, if it is one of a table
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a picture"),
    (b"SQLite format 3", "a database"),
)
_MARKUP = re.compile(r"\s*<(!doctype|html|\?xml|head|body|script)\b", re.IGNORECASE)
_FOREIGN_RUN = re.compile(r"[^\W\x00-\x7f]{3}")  # three non-ASCII letters in a row


@dataclass(frozen=True)
class FirstPass:
    """What one pass over a file tells: ``sample`` is its beginning, ``n_lines`` counts its lines."""

    encoding: str
    n_lines: int
    sample: str
    complete: bool  # the sample is the whole file
    quoted: bool  # there is a quotation mark somewhere

    def lines(self) -> list[str]:
        """Return the first whole lines of the file, ends kept.

        Raises
        ------
        NotText
            If one of the first lines does not end within the sample.
        """
        lines = _split(self.sample)
        if self.complete:
            return lines[:_SAMPLE_LINES]
        if len(lines) < _LEAST_LINES:
            longest = 1 + max(range(len(lines)), key=lambda index: len(lines[index]))
            limit = _SAMPLE_CHARS // _LEAST_LINES
            raise NotText(f"line {longest} is longer than {limit} characters", line=longest)
        return lines[:-1][:_SAMPLE_LINES]


def open_source(source: Source) -> BinaryIO:
    """Open a file or an in-memory copy of one for reading bytes."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def first_pass(source: Source, *, encoding: str | None = None) -> FirstPass:
    """Read a file once: find its encoding, prove that all of it decodes, count its lines.

    Parameters
    ----------
    source
        The file, or its bytes. Memory stays at a few blocks whatever its size.
    encoding
        What the user says it is; None finds out.

    Raises
    ------
    EmptyFile, NotText
        If there is nothing to read, or if it is no text.
    UnknownEncoding
        If the bytes do not decode, with the position of the first that does not.
    """
    with closing(open_source(source)) as stream:
        head = stream.read(BLOCK_BYTES)
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise EmptyFile("the file is empty")
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise NotText(f"the file is {what}, not a CSV file")
    if encoding is not None:
        return _decode_all(source, _known(encoding))
    marked = _marked_encoding(head)
    try:
        return _decode_all(source, marked or "utf-8")
    except _Undecodable as broken:
        if marked:
            raise
        return _decode_all(source, _western_or_guess(broken.around))


class _Undecodable(UnknownEncoding):
    """Keeps the bytes around the first one that does not decode, for guessing."""

    def __init__(self, encoding: str, position: int, around: bytes) -> None:
        super().__init__(
            f"byte {position} cannot be read as {encoding} text", encoding=encoding, position=position
        )
        self.around = around


def _marked_encoding(head: bytes) -> str | None:
    """Find a byte order mark, or the zero bytes that UTF-16 without one puts beside ASCII."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    zeros = (head[0:4096:2].count(0), head[1:4096:2].count(0))
    half = min(len(head), 4096) // 2
    if half and max(zeros) > 0.5 * half and min(zeros) == 0:
        return "utf-16-le" if zeros[1] else "utf-16-be"
    return None


def _known(encoding: str) -> str:
    try:
        "x".encode(encoding)  # also refuses codecs that are no encodings of text, such as hex
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as unknown:
        raise UnknownEncoding(f"there is no encoding called {encoding!r}", encoding=encoding) from unknown


def _western_or_guess(around: bytes) -> str:
    """Tell Western single-byte text from the rest: there, letters outside ASCII stand alone."""
    try:
        if not _FOREIGN_RUN.search(around.decode("cp1252")):
            return "cp1252"
    except UnicodeDecodeError:
        pass  # cp1252 leaves five bytes undefined
    best = from_bytes(around).best()
    return best.encoding if best else "latin-1"


def _decode_all(source: Source, encoding: str) -> FirstPass:
    n_lines, ends_open, sample = 0, False, ""
    after_return = quoted = False
    for text in _blocks(source, encoding):
        if len(sample) < _SAMPLE_CHARS:
            beginning = text[:_SAMPLE_CHARS]
            strange = sum(beginning.count(chr(code)) for code in (*range(0, 9), *range(14, 32), 127))
            if "\x00" in beginning or strange > 0.01 * len(beginning):  # more than an accident
                raise NotText("the file holds binary data, not text", encoding=encoding)
            sample += text
        n_lines += text.count("\n")
        if "\r" in text:  # counting pairs is slow, and most files have none
            n_lines += text.count("\r") - text.count("\r\n")
        n_lines -= after_return and text.startswith("\n")
        quoted = quoted or '"' in text
        after_return = text.endswith("\r")
        ends_open = not text.endswith(("\r", "\n")) if text else ends_open
    if not sample.strip("\ufeff \t\r\n"):
        raise EmptyFile("the file is empty")
    if _MARKUP.match(sample):
        raise NotText("the file is a web page or XML, not a CSV file")
    complete = len(sample) <= _SAMPLE_CHARS
    return FirstPass(encoding, n_lines + ends_open, sample[:_SAMPLE_CHARS], complete, quoted)


def _blocks(source: Source, encoding: str) -> Iterator[str]:
    """Yield the text block by block."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with closing(open_source(source)) as stream:
        position = 0
        while True:
            block = stream.read(BLOCK_BYTES)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                at = error.start if isinstance(error, UnicodeDecodeError) else 0
                lines = block[max(at - 2048, 0) : at + 2048]
                raise _Undecodable(encoding, position + at, lines) from error
            position += len(block)
            if text:
                yield text
            if not block:
                return


def lines_of(source: Source, encoding: str) -> Iterator[str]:
    """Yield the lines of a file that decodes, ends kept."""
    rest = ""
    for text in _blocks(source, encoding):
        lines = _split(rest + text)
        rest = (
            lines.pop() if lines else ""
        )  # may go on in the next block, be it with the second half of \\r\\n
        yield from lines
    yield from _split(rest)


def _split(text: str) -> list[str]:
    """Split at line feeds and carriage returns alone; `str.splitlines` knows more ends than CSV does."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)
