"""Files of grid operators, weather services and loggers that were long unread, rebuilt small."""

from collections.abc import Callable

from tests.files.cases import DAY, HOUR, VIENNA, FileCase, comma, rows, total, value

CROATIAN = ["siječnja", "veljače", "ožujka", "listopada"]
POLISH = ["stycznia", "lutego", "marca", "listopada"]

LABELS: tuple[Callable[[int], str], ...] = (
    lambda h: f"H{h + 1:02d}",
    lambda h: f"Stunde {h + 1}",
    lambda h: f"{h}-{h + 1}",
    lambda h: f"{h:02d} - {h + 1:02d}",
)


def named_days(months: list[str], numbers: list[int]) -> str:
    """Return days written with the names of months, one row each."""
    return "Dan;kWh\n" + "".join(
        f"{day}. {name} 2024.;{comma(value(100 * number + day))}\n"
        for name, number in zip(months, numbers, strict=True)
        for day in range(1, 29)
    )


def of_days(numbers: list[int]) -> float:
    """Return the sum of those rows."""
    return sum(value(100 * number + day) for number in numbers for day in range(1, 29))


MORE = [
    FileCase(
        "a date on a line of its own, times of day below",
        "JC144/EDF_Simulateur_Prix#3; load curves of French meter portals",
        "Heure;kW;Statut\n"
        + "".join(
            f"{d}/12/2023;;\n"
            + "".join(f"{h:02d}:00;{comma(value(24 * (d - 25) + h))};R\n" for h in range(24))
            for d in (25, 26)
        ),
        {},
        (("kW", 48, "2023-12-25T00:00", "2023-12-26T23:00", total(48)),),
    ),
    FileCase(
        "the date only beside the first time of its day",
        "tables from workbooks with merged cells",
        "Datum;Zeit;kWh\n"
        + "".join(
            f"{f'{d}.12.2023' if h == 0 else ''};{h:02d}:00;{comma(value(24 * (d - 25) + h))}\n"
            for d in (25, 26)
            for h in range(24)
        ),
        {},
        (("kWh", 48, "2023-12-25T00:00", "2023-12-26T23:00", total(48)),),
    ),
    FileCase(
        "one date missing beside its time of day",
        "a hole in an export is no merged cell",
        "Datum;Zeit;kWh\n"
        + "".join(f"{'' if h == 7 else '25.12.2023'};{h:02d}:00;{comma(value(h))}\n" for h in range(24)),
        problem="BAD_TIMESTAMP",
        words="line 9",
    ),
    FileCase(
        "Croatian months, where listopad is October",
        "date pickers and meter portals in Croatian; tidyverse/readr#711 (locales)",
        named_days(CROATIAN, [1, 2, 3, 10]),
        {},
        (("kWh", 112, "2024-01-01T00:00", "2024-10-28T00:00", of_days([1, 2, 3, 10])),),
    ),
    FileCase(
        "Polish months, where listopad is November",
        "date pickers and meter portals in Polish; tidyverse/readr#711 (locales)",
        named_days(POLISH, [1, 2, 3, 11]),
        {},
        (("kWh", 112, "2024-01-01T00:00", "2024-11-28T00:00", of_days([1, 2, 3, 11])),),
    ),
    FileCase(
        "listopad alone may be October or November",
        "the same month in Croatian and in Polish",
        named_days(["listopada"], [10]),
        problem="NO_TIME_COLUMN",
        words="listopada",
    ),
    FileCase(
        "Slovene and Ukrainian months",
        "exports of grid operators",
        "Datum;kWh\n"
        + "".join(f"{d}. {name} 2024;{comma(value(d))}\n" for name in ("maj", "junij") for d in range(1, 29)),
        {},
        (("kWh", 56, "2024-05-01T00:00", "2024-06-28T00:00", 2 * sum(value(d) for d in range(1, 29))),),
    ),
    FileCase(
        "Ukrainian months",
        "exports of grid operators",
        "Дата;кВт\n"
        + "".join(f"{d} {name} 2024;{value(d)}\n" for name in ("жовтня", "листопада") for d in range(1, 29)),
        {},
        (("кВт", 56, "2024-10-01T00:00", "2024-11-28T00:00", 2 * sum(value(d) for d in range(1, 29))),),
    ),
    FileCase(
        "dates with blanks behind the points, and a point at the end",
        "Czech, Slovak and Croatian exports",
        "Datum;kWh\n"
        + rows(30, "2024-03-01T00:00", DAY, lambda t, k: f"{t.day}. {t.month}. {t.year}.;{comma(value(k))}"),
        {},
        (("kWh", 30, "2024-03-01T00:00", "2024-03-30T00:00", total(30)),),
    ),
    FileCase(
        "EST and EDT behind the stamp",
        "market exports of North America (EST/EDT column or suffix); pandas-dev/pandas#18523",
        "time,LMP\n"
        + rows(
            60,
            "2024-11-02T00:00",
            HOUR,
            lambda t, k: f"{t:%m/%d/%Y %H:%M} {t:%Z},{value(k)}",
            "America/New_York",
        ),
        {"day_first": False},
        problem="AMBIGUOUS_ZONE",
        words="America/New_York",
    ),
    FileCase(
        "EST and EDT in a zone that was named",
        "market exports of North America",
        "time,LMP\n"
        + rows(
            60,
            "2024-11-02T00:00",
            HOUR,
            lambda t, k: f"{t:%m/%d/%Y %H:%M} {t:%Z},{value(k)}",
            "America/New_York",
        ),
        {"day_first": False, "timezone": "America/New_York"},
        (("LMP", 60, "2024-11-02T04:00", "2024-11-04T15:00", total(60)),),
    ),
    FileCase(
        "IST is no clock of Vienna",
        "IST of India, Ireland and Israel; dateutil/dateutil#1246 (ambiguous abbreviations)",
        "time,load\n" + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M} IST,{value(k)}"),
        VIENNA,
        problem="AMBIGUOUS_ZONE",
        words="Asia/Kolkata",
    ),
    FileCase(
        "a zone in brackets without an offset",
        "java.time (ZonedDateTime) and home automation exports",
        "time,load\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%Y-%m-%dT%H:%M}[Europe/Vienna],{value(k)}",
            "Europe/Vienna",
        ),
        {},
        (("load", 30, "2024-03-13T23:00", "2024-03-15T04:00", total(30)),),
    ),
    FileCase(
        "a zone in brackets that is not the one named",
        "java.time (ZonedDateTime)",
        "time,load\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%dT%H:%M}[Europe/Vienna],{value(k)}"),
        {"timezone": "Europe/London"},
        problem="MIXED_ZONES",
        words="Europe/Vienna",
    ),
    FileCase(
        "columns parted by blanks under two lines of comment",
        "buoy and station tables of weather services",
        "#YY  MM DD hh mm WDIR WSPD\n#yr  mo dy hr mn degT m/s\n"
        + rows(30, "2024-03-14T00:50", HOUR, lambda t, k: f"{t:%Y %m %d %H %M} {200 + k:4d} {value(k)}"),
        {},
        (
            ("WDIR", 30, "2024-03-14T00:50", "2024-03-15T05:50", sum(range(200, 230))),
            ("WSPD", 30, "2024-03-14T00:50", "2024-03-15T05:50", total(30)),
        ),
    ),
    FileCase(
        "five header rows of a solar logger",
        "exports of inverter loggers",
        ";WR1;WR1;WR2;WR2\n;SN:11;SN:11;SN:12;SN:12\nTime;Pac;Eac;Pac;Eac\nUnit;W;kWh;W;kWh\nInterval;5;5;5;5\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR / 12,
            lambda t, k: f"{t:%d.%m.%Y %H:%M};{k};{comma(value(k))};{2 * k};{comma(value(k + 1))}",
        ),
        {},
        (
            ("SN:11 Pac", 30, "2024-03-14T00:00", "2024-03-14T02:25", float(sum(range(30)))),
            ("SN:11 Eac", 30, "2024-03-14T00:00", "2024-03-14T02:25", total(30)),
            ("SN:12 Pac", 30, "2024-03-14T00:00", "2024-03-14T02:25", 2.0 * sum(range(30))),
            ("SN:12 Eac", 30, "2024-03-14T00:00", "2024-03-14T02:25", total(30, 1)),
        ),
    ),
    FileCase(
        "names, units and kinds of average above the rows of a logger",
        "TOA5 tables",
        '"TOA5","CR1000","CR1000","1234","CR1000.Std.32","CPU:x.CR1","1","Table1"\n"TIMESTAMP","RECORD","AirT","Rad"\n'
        '"TS","RN","Deg C","W/m2"\n"","","Avg","Avg"\n'
        + rows(
            30, "2024-03-14T00:00", HOUR, lambda t, k: f'"{t:%Y-%m-%d %H:%M:%S}",{k + 7},{value(k)},{k}.25'
        ),
        {},
        (
            ("AirT", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),
            ("Rad", 30, "2024-03-14T00:00", "2024-03-15T05:00", sum(k + 0.25 for k in range(30))),
        ),
    ),
    FileCase(
        "an EAN and a meter's name beside every row",
        "Belgian grid operators",
        "EAN;Compteur;Date;Heure;Volume\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"541448820000000001;1SAG;{t:%d/%m/%Y};{t:%H:%M};{comma(value(k))}",
        ),
        {},
        (("Volume", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "an EAN of 18 digits and a register name the series",
        "Belgian and Dutch grid operators",
        "EAN;Register;Van;Tot;Volume;Eenheid\n"
        + "".join(
            f"54144882000000000{m};{register};{d:02d}-03-2024;{d + 1:02d}-03-2024;{m}{comma(value(d))};kWh\n"
            for d in range(1, 29)
            for m in (1, 2)
            for register in ("Afname Dag", "Afname Nacht")
        ),
        {},
        tuple(
            (
                f"54144882000000000{m} {register}",
                28,
                "2024-03-01T00:00",
                "2024-03-28T00:00",
                sum(float(f"{m}{value(d)}") for d in range(1, 29)),
            )
            for m in (1, 2)
            for register in ("Afname Dag", "Afname Nacht")
        ),
    ),
    FileCase(
        "counters of more digits than a number keeps",
        "rounding of large whole numbers in double precision",
        "time,serial_count,kWh\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%Y-%m-%d %H:%M},{90071992547409931 + 2 * k},{value(k)}",
        ),
        {},
        (("kWh", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "the clock of each row in a column of its own",
        "exports with a zone or UTC offset column beside local stamps",
        "time;tz;load\n"
        + rows(
            60,
            "2024-10-26T00:00",
            HOUR,
            lambda t, k: f"{t:%d.%m.%Y %H:%M};{t:%Z};{comma(value(k))}",
            "Europe/Vienna",
        ),
        {},
        (("load", 60, "2024-10-25T22:00", "2024-10-28T09:00", total(60)),),
    ),
    FileCase(
        "date, time of day and offset in three columns",
        "market exports with a UTC offset column",
        "date,time,utc_offset,load\n"
        + rows(
            60,
            "2024-10-26T00:00",
            HOUR,
            lambda t, k: f"{t:%Y-%m-%d},{t:%H:%M},{t:%z},{value(k)}",
            "Europe/Vienna",
        ),
        {},
        (("load", 60, "2024-10-25T22:00", "2024-10-28T09:00", total(60)),),
    ),
    FileCase(
        "registers called 1.8.0 and 2.8.0 name series",
        "OBIS columns in exports of grid operators",
        "ts;register;value;status\n"
        + "".join(
            f"2024-03-14T{h:02d}:00Z;{r}.8.0;{r}{comma(value(h))};V\n" for h in range(24) for r in (1, 2)
        ),
        {},
        tuple(
            (
                f"{r}.8.0",
                24,
                "2024-03-14T00:00",
                "2024-03-14T23:00",
                sum(float(f"{r}{value(h)}") for h in range(24)),
            )
            for r in (1, 2)
        ),
    ),
    FileCase(
        "a day per row with a column 3B for the doubled hour",
        "market exports with 25 columns of hours",
        "Date,1,2,3,3B,"
        + ",".join(str(h) for h in range(4, 25))
        + "\n"
        + "".join(
            f"2024-10-{day},"
            + ",".join(
                "" if label == "3B" and day != 27 else str(value(100 * (day - 26) + n))
                for n, label in enumerate(["1", "2", "3", "3B", *map(str, range(4, 25))])
            )
            + "\n"
            for day in (26, 27, 28)
        ),
        VIENNA,
        (
            (
                "value",
                73,
                "2024-10-25T22:00",
                "2024-10-28T22:00",
                sum(value(100 * d + n) for d in range(3) for n in range(25) if n != 3 or d == 1),
            ),
        ),
    ),
    FileCase(
        "the total of each day beside its hours is a value of the day",
        "load profiles with a sum column",
        "Datum;"
        + ";".join(f"{h}:00" for h in range(24))
        + ";Summe\n"
        + "".join(
            f"{d:02d}.03.2024;"
            + ";".join(comma(value(24 * d + h)) for h in range(24))
            + f";{comma(1000.5 + d)}\n"
            for d in range(1, 6)
        ),
        {},
        (
            ("value", 120, "2024-03-01T00:00", "2024-03-05T23:00", total(120, 24)),
            ("Summe", 120, "2024-03-01T00:00", "2024-03-05T23:00", sum(1000.5 + d for d in range(1, 6))),
        ),
    ),
    FileCase(
        "a minus behind the number",
        "exports of accounting systems; pola-rs/polars and pandas requests for trailing minus",
        "Datum;P\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%d.%m.%Y %H:%M};{comma(value(k))}{'-' if k % 2 else ''}",
        ),
        {},
        (("P", 30, "2024-03-14T00:00", "2024-03-15T05:00", sum((-1) ** k * value(k) for k in range(30))),),
    ),
    FileCase(
        "years of two digits before the month",
        "loggers and Asian exports that write 24-03-14",
        "Date;kW\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%y-%m-%d %H:%M};{comma(value(k))}"),
        {},
        (("kW", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "years of two digits before the month, the time of day beside",
        "loggers that write 24/03/14",
        "Date;Time;kW\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%y/%m/%d;%H:%M};{comma(value(k))}"),
        {},
        (("kW", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "years of two digits behind the month",
        "exports that write 14/03/24, day by day",
        "Date;kW\n" + rows(400, "2024-03-14T00:00", DAY, lambda t, k: f"{t:%d/%m/%y};{comma(value(k))}"),
        {},
        (("kW", 400, "2024-03-14T00:00", "2025-04-17T00:00", total(400)),),
    ),
    FileCase(
        "a single day whose year may be 24 or 14",
        "loggers that write two digits",
        "Date;kW\n"
        + rows(24, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%d-%m-%y %H:%M};{comma(value(k))}"),
        problem="AMBIGUOUS_TIMESTAMPS",
        words="%y-%m-%d %H:%M",
    ),
    FileCase(
        "a single day, answered with the format",
        "loggers that write two digits",
        "Date;kW\n"
        + rows(24, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%d-%m-%y %H:%M};{comma(value(k))}"),
        {"time_format": "%d-%m-%y %H:%M"},
        (("kW", 24, "2024-03-14T00:00", "2024-03-14T23:00", total(24)),),
    ),
    FileCase(
        "interval meter data as records of days",
        "patrickvorgers/Home-Assistant-Import-Energy-Data#68; AEMO NEM12 files",
        "100,NEM12,202403140000,MDA,RET\n"
        + "".join(
            f"200,NMI000000{m},E1B1,1,{register},,M{m},kWh,30,\n"
            + "".join(
                f"300,202403{day},"
                + ",".join(str(value(1000 * m + 48 * (day - 10) + p)) for p in range(48))
                + ",A,,,20240320120000,\n400,1,48,A,,\n"
                for day in (10, 11)
            )
            for m, register in ((1, "E1"), (2, "B1"))
        )
        + "900\n",
        {},
        tuple(
            (
                f"NMI000000{m} {register}",
                96,
                "2024-03-09T14:00",
                "2024-03-11T13:30",
                total(96, 1000 * m),
            )
            for m, register in ((1, "E1"), (2, "B1"))
        ),
    ),
    FileCase(
        "a day of interval meter data with too few values",
        "AEMO NEM12 files",
        "100,NEM12,202403140000,MDA,RET\n200,NMI0000001,E1,1,E1,,M1,kWh,30,\n300,20240310,1.0,2.0,A,,,\n900\n",
        problem="RAGGED_TABLE",
    ),
    *(
        FileCase(
            f"hours called {label(1)}",
            "market data with hours as H01, 0-1 or 00 - 01",
            "Datum;Stunde;kWh\n"
            + "".join(
                f"{day}.03.2024;{label(h)};{comma(value(24 * (day - 14) + h))}\n"
                for day in (14, 15, 16)
                for h in range(24)
            ),
            {},
            (("kWh", 72, "2024-03-14T00:00", "2024-03-16T23:00", total(72)),),
        )
        for label in LABELS
    ),
    FileCase(
        "two rows of another meter among two hundred",
        "exports that were joined by hand",
        "time,meter,load\n"
        + rows(200, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},A,{value(k)}")
        + "2024-03-14 05:00,B,99.5\n2024-03-14 06:00,B,99.5\n",
        problem="KEY_COLUMN",
        words="meter",
    ),
    FileCase(
        "two rows of another meter that correct the first",
        "exports that were joined by hand",
        "time,meter,load\n"
        + rows(200, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},A,{value(k)}")
        + "2024-03-14 05:00,B,99.5\n2024-03-14 06:00,B,99.5\n",
        {"key_columns": []},
        (("load", 200, "2024-03-14T00:00", "2024-03-22T07:00", total(200) - value(5) - value(6) + 199.0),),
    ),
    FileCase(
        "a single minus behind a number is a slip",
        "cells damaged on the way: read as a text, and told",
        "Datum;P\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%d.%m.%Y %H:%M};{comma(value(k))}{'-' if k == 7 else ''}",
        ),
        {},
        (("P", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30) - value(7)),),
    ),
]
