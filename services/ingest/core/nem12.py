"""Interval meter data of the Australian market (AEMO, Meter Data File Format NEM12): records of days.

Records begin with their kind: 100 header, 200 register (NMI, unit, interval length), 300 a day of values, 400
and 500 details of quality, 900 end. Stamps are of the market's clock all year, ten hours before UTC.
"""

from collections.abc import Sequence

from services.ingest.core.dialect import Row
from services.ingest.core.problems import BadTimestamp, EmptyFile, RaggedTable
from services.ingest.core.table import SetAside, Table, aside_of, stamps_in

_DAY_MINUTES = 1440
_CLOCK = "+10:00"


def is_nem12(line: str) -> bool:
    """Tell a file of that format by its first line."""
    return line.lstrip("\ufeff").replace('"', "").startswith("100,NEM12")


def registers(rows: Sequence[Row]) -> tuple[tuple[Table, ...], tuple[SetAside, ...]]:
    """Return a table per register, called by its NMI and suffix, and the records without values.

    Raises
    ------
    RaggedTable, BadTimestamp
        If a record does not have the form of its kind.
    """
    bodies: dict[str, list[Row]] = {}
    aside: list[SetAside] = []
    name, minutes = "", 0
    for row in rows:
        match row.cells[0]:
            case "200":
                cells = (*row.cells, *([""] * 10))
                if not cells[8].isdigit() or _DAY_MINUTES % max(int(cells[8]), 1) or not cells[1]:
                    raise RaggedTable(f"line {row.line}: {cells[8]!r} is no interval length", line=row.line)
                name, minutes = f"{cells[1]} {cells[4]}".strip(), int(cells[8])
                bodies.setdefault(name, [])
            case "300":
                if not name:
                    raise RaggedTable(f"line {row.line}: a day without a register above it", line=row.line)
                bodies[name] += _day(row, minutes)
            case "400" | "500":
                aside.append(aside_of(row, "details of quality"))
            case "100" | "900":
                continue
            case kind:
                raise RaggedTable(f"line {row.line}: NEM12 has no record {kind[:20]!r}", line=row.line)
    if not any(bodies.values()):
        raise EmptyFile("the file has no records of days")
    tables = tuple(
        Table(("time", "value"), body[0].line, body[0].n_above, tuple(body), label, held=True)
        for label, body in bodies.items()
        if body
    )
    return tables, tuple(aside)


def _day(row: Row, minutes: int) -> list[Row]:
    n = _DAY_MINUTES // minutes
    day = row.cells[1] if len(row.cells) > 1 else ""
    if len(day) != 8 or not stamps_in([day])[0]:
        raise BadTimestamp(f"line {row.line}: {day!r} is no date", lines=[row.line], cells=[day])
    if len(row.cells) < n + 3:
        raise RaggedTable(f"line {row.line}: {n} values of {minutes} minutes are a day", line=row.line)
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return [
        Row(row.line, row.n_above, (f"{date} {k * minutes // 60:02d}:{k * minutes % 60:02d}{_CLOCK}", value))
        for k, value in enumerate(row.cells[2 : n + 2])
    ]
