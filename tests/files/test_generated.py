"""Generated files, valid, mutated and garbage: no crash, no hang, no other value than a strict parser's.

The strict parser shares no code with the reader: it knows how the file was written, one cell at a time.
"""

import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest

from services.ingest.core.read import ReadOptions, SeriesRead, read_file
from shared.errors import InvalidInput

LONGEST_S = 5.0
STAMPS = ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y;%H:%M", "%Y%m%d%H%M", "%s")
NOISE = [
    "",
    "x",
    "-",
    "n/a",
    "1,5",
    "1.5",
    "1.234",
    "1,234",
    "(2)",
    "-999",
    "12 kW",
    '"',
    ";",
    ",",
    "\t",
    "#",
    "Summe",
]


@dataclass(frozen=True)
class Written:
    """A file and the rows it holds, by minute of the epoch."""

    text: str
    rows: dict[int, tuple[float | None, ...]]


def written(rng: random.Random) -> Written:
    """Write a table of one of the usual kinds, and remember every value."""
    n, columns = rng.randint(3, 60), rng.randint(1, 4)
    stamp, decimal = rng.choice(STAMPS), rng.choice(".,")
    delimiter = ";" if ";" in stamp or decimal == "," else rng.choice(";,\t")
    step, places = rng.choice([5, 15, 60, 1440]), rng.choice([1, 2, 4])
    start = datetime(2020, 1, 13) + timedelta(minutes=rng.randint(0, 500_000))
    top = ["Datum", "Zeit"] if ";" in stamp else ["time"]
    lines = [delimiter.join([*top, *(f"c{k}" for k in range(columns))])] if rng.random() < 0.9 else []
    rows: dict[int, tuple[float | None, ...]] = {}
    for k in range(n):
        moment = start + timedelta(minutes=step * k)
        values = tuple(
            None if rng.random() < 0.05 and k else round(rng.uniform(-500, 2000), places)
            for _ in range(columns)
        )
        cells = ["" if v is None else f"{v:.{places}f}".replace(".", decimal) for v in values]
        text = (
            str(int((moment - datetime(1970, 1, 1)).total_seconds()))
            if stamp == "%s"
            else moment.strftime(stamp)
        )
        lines.append(delimiter.join([text, *cells]))
        rows[int((moment - datetime(1970, 1, 1)).total_seconds()) // 60] = values
    if rng.random() < 0.2:
        lines = ["Export of the plant", "", *lines]
    return Written("\n".join(lines) + "\n", rows)


def mutated(text: str, rng: random.Random) -> str:
    """Damage a file in a few places: cells, lines, delimiters."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                lines.insert(at, rng.choice(lines))
            case 1:
                del lines[at]
            case 2:
                cut = rng.randint(0, len(lines[at]))
                lines[at] = lines[at][:cut] + rng.choice(NOISE) + lines[at][cut:]
            case 3:
                lines[at] = lines[at].replace(";", rng.choice(",;\t"), 1)
            case _:
                cells = lines[at].split(";")
                cells[rng.randrange(len(cells))] = rng.choice(NOISE)
                lines[at] = ";".join(cells)
        lines = lines or [""]
    return "\n".join(lines)


def garbage(rng: random.Random) -> bytes:
    """Return bytes that are no table, or hardly one."""
    if rng.random() < 0.5:
        return rng.randbytes(rng.randint(0, 400))
    tokens = [
        *NOISE,
        "2024-01-01",
        "31.12.2024 10:00",
        "\n",
        "\n",
        "\r\n",
        "1704067200",
        "time",
        ";;;;",
        "1",
        "2",
    ]
    return "".join(rng.choice(tokens) for _ in range(rng.randint(0, 200))).encode()


def check(seed: int) -> None:
    """Read one file of each kind, and compare where the right answer is known."""
    rng = random.Random(seed)
    file = written(rng)
    reads = timed(file.text.encode())
    assert reads is not None, file.text
    found = [read for read in reads if any(v is not None for v in next(iter(file.rows.values())))]
    assert len(found) == len(next(iter(file.rows.values()))), file.text
    for k, read in enumerate(reads):
        wanted = {minute: values[k] for minute, values in file.rows.items()}
        got = dict(
            zip((read.series.times_ns // (60 * 10**9)).tolist(), read.series.values.tolist(), strict=True)
        )
        assert got.keys() == wanted.keys(), file.text
        for minute, value in wanted.items():
            assert (value is None and np.isnan(got[minute])) or value == got[minute], (
                minute,
                value,
                file.text,
            )
    damaged = mutated(file.text, rng)
    for read in timed(damaged.encode()) or []:  # what is still read holds no number that nobody wrote
        numbers = {number for number in read.series.values.tolist() if not np.isnan(number)}
        assert numbers <= spelled(damaged), (numbers - spelled(damaged), damaged)
    timed(garbage(rng))


def timed(content: bytes) -> list[SeriesRead] | None:
    """Read a file within the processor time there is, whoever else is busy; None if it is refused."""
    begin = time.process_time()
    try:
        return list(read_file(content, options=ReadOptions()))
    except InvalidInput:
        return None
    finally:
        assert time.process_time() - begin < LONGEST_S


def spelled(text: str) -> set[float]:
    """Return every number that any cell of a text can be read as, with either mark, in either sign."""
    found: set[float] = set()
    for delimiter in (";", ",", "\t", "|", " ", "\n"):
        for line in text.split("\n"):
            for cell in line.split(delimiter):
                bare = cell.strip(' "()').replace(" kW", "").removesuffix("kW").strip()
                for one in {
                    bare,
                    bare.replace(",", "."),
                    bare.replace(".", "").replace(",", "."),
                    bare.replace(",", ""),
                }:
                    try:
                        found |= {float(one), -float(one)}
                    except ValueError:
                        continue
    return found


@pytest.mark.parametrize("block", range(6))
def test_a_few_hundred_files_are_read_as_a_strict_parser_does(block: int) -> None:
    for seed in range(block * 25, block * 25 + 25):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(34))
def test_ten_thousand_files_are_read_as_a_strict_parser_does(block: int) -> None:
    for seed in range(10_000 + block * 100, 10_000 + block * 100 + 100):  # three files each
        check(seed)


@pytest.mark.parametrize("line", [";" * 50, "," * 2000, ";,|\t" * 20, '"' + ";" * 100 + '"'])
@pytest.mark.parametrize("head", ["", "time;load\n", "2024-01-01;1\n"])
def test_a_table_of_delimiters_only_is_refused_at_once(head: str, line: str) -> None:
    assert timed((head + (line + "\n") * 2000).encode()) is None or head
