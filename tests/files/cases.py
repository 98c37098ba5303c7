"""Files as people have them, rebuilt small from public reports: each with its source and the right answer.

No file is copied and nobody is named; what is rebuilt is the trouble.
"""

# ruff: noqa: B023  (lines are written at once, while the loop is where it is)
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import JsonValue

Line = tuple[str, int, str, str, float]  # name, rows, first and last stamp (UTC), sum of the numbers


@dataclass(frozen=True)
class FileCase:
    """One file: what it holds, what the user says of it, and what must come of it.

    ``series`` are the series expected, by name; or ``problem`` the code of a refusal or question, whose
    message or question holds ``words``.
    """

    name: str
    source: str
    content: str
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    series: tuple[Line, ...] = ()
    problem: str = ""
    words: str = ""
    step_s: float | None = None
    encoding: str = "utf-8"


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def value(k: int) -> float:
    """Return a number that tells its row: 100.5, 101.5 and so on."""
    return 100.5 + k


def total(n: int, first: int = 0) -> float:
    """Return the sum of n such numbers."""
    return sum(value(k) for k in range(first, first + n))


def rows(
    n: int, start: str, step: timedelta, write: Callable[[datetime, int], str], zone: str = "UTC"
) -> str:
    """Return n lines, one a step, on the wall clock of a zone."""
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return "".join(write((begin + k * step).astimezone(ZoneInfo(zone)), k) + "\n" for k in range(n))


def comma(number: float) -> str:
    """Return a number with a decimal comma."""
    return f"{number:.1f}".replace(".", ",")


MONTHS = ["Jänner", "Februar", "März"]
VIENNA: Mapping[str, JsonValue] = {"timezone": "Europe/Vienna"}
MADRID: Mapping[str, JsonValue] = {"timezone": "Europe/Madrid"}

KNOWN = [
    FileCase(
        "interval in one cell",
        "ENTSO-E exports as public code reads them (MTU cut at ' - ')",
        '"MTU (CET/CEST)","Area","Price"\n'
        + rows(
            60,
            "2024-10-26T00:00",
            HOUR,
            lambda t, k: f'"{t:%d/%m/%Y %H:%M:%S} - {t + HOUR:%d/%m/%Y %H:%M:%S}","BZN|AT","{value(k)}"',
            "Europe/Vienna",
        ),
        VIENNA,
        (("Price", 60, "2024-10-25T22:00", "2024-10-28T09:00", total(60)),),
    ),
    FileCase(
        "points group thousands",
        "ngrunwald/meta-csv#5; SMARD layout",
        "Datum;Anfang;Ende;Wind [MWh];Biomasse [MWh]\n"
        + rows(
            48,
            "2024-01-01T00:00",
            HOUR,
            lambda t, k: (
                f"{t:%d.%m.%Y};{t:%H:%M};{t + HOUR:%H:%M};"
                + f"{980 + k:,}".replace(",", ".")
                + f";4.{700 + k}"
            ),
        ),
        {},
        (
            ("Wind [MWh]", 48, "2024-01-01T00:00", "2024-01-02T23:00", sum(range(980, 1028))),
            ("Biomasse [MWh]", 48, "2024-01-01T00:00", "2024-01-02T23:00", sum(range(4700, 4748))),
        ),
    ),
    FileCase(
        "points that group or divide are asked about",
        "ngrunwald/meta-csv#5",
        "Datum;Biomasse\n" + rows(30, "2024-01-01T00:00", DAY, lambda t, k: f"{t:%d.%m.%Y};4.{700 + k}"),
        problem="AMBIGUOUS_NUMBERS",
        words="4700 or 4.700",
    ),
    FileCase(
        "hours counted to 25",
        "uvejota/python-edata#21, eddie-energy/eddie#960, electricitymaps-contrib#7696",
        "CUPS;Fecha;Hora;Consumo_kWh;Metodo\n"
        + "".join(
            f"ES00XX;{day}/10/2024;{hour};{comma(value((day - 25) * 24 + hour - 1))};R\n"
            for day in (25, 26, 27)
            for hour in range(1, 26 if day == 27 else 25)
        ),
        MADRID,
        (("Consumo_kWh", 73, "2024-10-24T22:00", "2024-10-27T22:00", total(73)),),
    ),
    FileCase(
        "long table of three meters",
        "ourownstory/neural_prophet#578",
        "meter_id,ds,y\n"
        + "".join(
            rows(40, "2024-01-01T00:00", HOUR, lambda t, k: f"MT_{m},{t:%Y-%m-%d %H:%M:%S},{m}{value(k)}")
            for m in (1, 2, 3)
        ),
        {},
        (
            (
                "MT_1",
                40,
                "2024-01-01T00:00",
                "2024-01-02T15:00",
                sum(float(f"1{value(k)}") for k in range(40)),
            ),
            (
                "MT_2",
                40,
                "2024-01-01T00:00",
                "2024-01-02T15:00",
                sum(float(f"2{value(k)}") for k in range(40)),
            ),
            (
                "MT_3",
                40,
                "2024-01-01T00:00",
                "2024-01-02T15:00",
                sum(float(f"3{value(k)}") for k in range(40)),
            ),
        ),
    ),
    FileCase(
        "two sensors in one history",
        "klausj1/homeassistant-statistics#82",
        "entity_id,state,last_changed\n"
        + rows(
            48,
            "2024-01-01T00:00",
            HOUR,
            lambda t, k: (
                f"sensor.grid,{value(k)},{t:%Y-%m-%dT%H:00}:0{k % 9}.120Z\n"
                f"sensor.pv,{k},{t:%Y-%m-%dT%H:00}:3{k % 9}.480Z"
            ),
        ),
        {},
        (
            ("sensor.grid", 48, "2024-01-01T00:00:00.12", "2024-01-02T23:00:02.12", total(48)),
            ("sensor.pv", 48, "2024-01-01T00:00:30.48", "2024-01-02T23:00:32.48", float(sum(range(48)))),
        ),
        step_s=3600,
    ),
    FileCase(
        "stamps in the header",
        "home-assistant/frontend#20578, #52381",
        "entity_id,type,unit," + ",".join(f"2024-01-01T{h:02d}:00:00.000Z" for h in range(24)) + "\n"
        "sensor.grid,grid,kWh," + ",".join(str(value(h)) for h in range(24)) + "\n"
        "sensor.pv,solar,kWh," + ",".join(str(h) for h in range(24)) + "\n",
        {},
        (
            ("sensor.grid", 24, "2024-01-01T00:00", "2024-01-01T23:00", total(24)),
            ("sensor.pv", 24, "2024-01-01T00:00", "2024-01-01T23:00", 276.0),
        ),
    ),
    FileCase(
        "preamble as wide as the table",
        "awattar-backtesting samples; corruptbear/my_sdge#1",
        "Kundennummer;1000;;\nBeginn;01.04.2024;;\nEnde;02.04.2024;;\nDatum;Zeit;kWh;Status\n"
        + rows(
            96, "2024-04-01T00:00", HOUR / 4, lambda t, k: f"{t:%d.%m.%Y;%H:%M:%S};{comma(value(k))};gültig"
        ),
        VIENNA,
        (("kWh", 96, "2024-03-31T22:00", "2024-04-01T21:45", total(96)),),
        encoding="cp1252",
    ),
    FileCase(
        "title row padded with delimiters",
        "awattar-backtesting samples",
        "Lieferrichtung: Bezug;;;;\nAblesezeitpunkt;Stand 1.8.0;Verbrauch 1.8.0;Status;Hochtarif\n"
        + rows(
            20,
            "2024-04-01T00:00",
            HOUR,
            lambda t, k: f"{t:%Y-%m-%dT%H:%M}:00.000+02:00;{7900 + k}.5;{value(k)};VAL;",
        ),
        {},
        (
            ("Stand 1.8.0", 20, "2024-03-31T22:00", "2024-04-01T17:00", sum(7900.5 + k for k in range(20))),
            ("Verbrauch 1.8.0", 20, "2024-03-31T22:00", "2024-04-01T17:00", total(20)),
        ),
    ),
    FileCase(
        "day numbers of a workbook",
        "shenwei356/csvtk#298, HKUDS/Vibe-Trading#793",
        "Zeit;Last\n" + "".join(f"{45292 + k / 24:.6f};{value(k)}\n".replace(".", ",") for k in range(48)),
        {},
        (("Last", 48, "2024-01-01T00:00", "2024-01-02T23:00", total(48)),),
    ),
    FileCase(
        "zone letters behind the stamp",
        "waltzofpearls/dateparser#52, pandas-dev/pandas#59769",
        "Zeit;Leistung\n"
        + rows(
            60,
            "2024-10-26T00:00",
            HOUR,
            lambda t, k: f"{t:%d.%m.%Y %H:%M} {t:%Z};{comma(value(k))}",
            "Europe/Vienna",
        ),
        VIENNA,
        (("Leistung", 60, "2024-10-25T22:00", "2024-10-28T09:00", total(60)),),
    ),
    FileCase(
        "Austrian month names",
        "date-fns/date-fns#4148, tidyverse/readr#711",
        "Tag;Gas\n"
        + rows(
            59, "2023-01-01T00:00", DAY, lambda t, k: f"{t.day}. {MONTHS[t.month - 1]} 2023;{comma(value(k))}"
        ),
        {},
        (("Gas", 59, "2023-01-01T00:00", "2023-02-28T00:00", total(59)),),
        encoding="cp1252",
    ),
    FileCase(
        "-999 is missing",
        "ropensci/nasapower#36; DWD layout",
        "STATIONS_ID;MESS_DATUM;QN_9;TT_TU;RF_TU;eor\n"
        + rows(
            60,
            "2024-01-01T00:00",
            HOUR,
            lambda t, k: f"  5906;{t:%Y%m%d%H};  3;{-999 if k % 20 == 7 else k % 7};  80.0;eor",
        ),
        {"value_columns": ["TT_TU"]},
        (
            (
                "TT_TU",
                60,
                "2024-01-01T00:00",
                "2024-01-03T11:00",
                float(sum(k % 7 for k in range(60) if k % 20 != 7)),
            ),
        ),
    ),
    FileCase(
        "dots in the time of day",
        "scrapinghub/dateparser#422, #643, dateutil#423",
        "Päivä;Klo;kWh\n"
        + rows(48, "2024-01-01T00:00", HOUR, lambda t, k: f"{t:%d.%m.%Y;%H.00};{comma(value(k))}"),
        {"timezone": "Europe/Helsinki"},
        (("kWh", 48, "2023-12-31T22:00", "2024-01-02T21:00", total(48)),),
    ),
    FileCase(
        "dots in date and time of day in one cell",
        "scrapinghub/dateparser#643",
        "aika;kWh\n"
        + rows(
            48,
            "2024-01-01T00:00",
            HOUR,
            lambda t, k: f"{t.day}.{t.month}.{t.year} {t.hour}.00;{comma(value(k))}",
        ),
        {},
        (("kWh", 48, "2024-01-01T00:00", "2024-01-02T23:00", total(48)),),
    ),
    FileCase(
        "annotated CSV",
        "influxdata/docs-v2#417",
        "#group,false,false,true,true,false,false,true\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string\n"
        "#default,_result,,,,,,\n,result,table,_start,_stop,_time,_value,entity_id\n"
        + rows(
            30,
            "2024-01-01T00:00",
            HOUR,
            lambda t, k: (
                f",,0,2024-01-01T00:00:00Z,2024-02-10T00:00:00Z,{t:%Y-%m-%dT%H:%M:%SZ},{value(k)},grid"
            ),
        ),
        {},
        (("_value", 30, "2024-01-01T00:00", "2024-01-02T05:00", total(30)),),
    ),
    FileCase(
        "a day per row",
        "Energy-Sparks#2771; NEM12 discussions",
        "Date,"
        + ",".join(f"HE{h:02d}" for h in range(1, 25))
        + "\n"
        + rows(
            5,
            "2023-01-15T00:00",
            DAY,
            lambda t, k: f"{t:%m/%d/%Y}," + ",".join(str(value(24 * k + h)) for h in range(24)),
        ),
        {},
        (("value", 120, "2023-01-15T00:00", "2023-01-19T23:00", total(120)),),
    ),
    FileCase(
        "a bar inside quoted cells",
        "AndreaBozzo/dataprof#423, vincentlaucsb/csv-parser#140",
        '"Time","Area","Price"\n'
        + rows(30, "2024-10-15T00:00", HOUR, lambda t, k: f'"{t:%Y-%m-%d %H:%M}","BZN|AT","{value(k)}"'),
        {},
        (("Price", 30, "2024-10-15T00:00", "2024-10-16T05:00", total(30)),),
    ),
    FileCase(
        "minute 59 or 00",
        "earthobservations/wetterdienst#1485",
        "time,ghi\n"
        + rows(
            60,
            "2024-01-01T00:00",
            HOUR,
            lambda t, k: f"{t - timedelta(minutes=k % 3 > 0):%Y-%m-%d %H:%M},{value(k)}",
        ),
        {},
        (("ghi", 60, "2024-01-01T00:00", "2024-01-03T10:59", total(60)),),
        step_s=3600,
    ),
    FileCase(
        "monthly values",
        "salesforce/Merlion#29, awslabs/gluonts#1595",
        "month,passengers\n"
        + "".join(f"{2000 + k // 12}-{k % 12 + 1:02d}-01,{value(k)}\n" for k in range(36)),
        {},
        (("passengers", 36, "2000-01-01T00:00", "2002-12-01T00:00", total(36)),),
        step_s=2_629_800,
    ),
]
