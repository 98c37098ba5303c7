"""More files as people have them, found in public issues of meter, weather and home automation projects."""

# ruff: noqa: B023  (lines are written at once, while the loop is where it is)
from datetime import timedelta

from tests.files.cases import DAY, HOUR, MADRID, VIENNA, FileCase, comma, rows, total, value

HALF = HOUR / 2
LONDON = {"timezone": "Europe/London"}

FOUND = [
    FileCase(
        "no header, a constant name, fractions that look like thousands",
        "Rello/analytics#357",
        rows(
            30,
            "2023-06-19T14:57",
            timedelta(seconds=3),
            lambda t, k: f"Current,{t:%Y-%m-%d %H:%M:%S}.418625,0.{600 + k}",
        ),
        {},
        (
            (
                "column 3",
                30,
                "2023-06-19T14:57:00.418625",
                "2023-06-19T14:58:27.418625",
                sum(0.6 + k / 1000 for k in range(30)),
            ),
        ),
    ),
    FileCase(
        "units above the header",
        "SBFspot/SBFspot#730, #74",
        "sep=;\nVersion CSV1|Tool SBFspot3.5.2 (Linux)|Linebreaks LF|Delimiter semicolon\n\n;;;Watt;kWh\n"
        "dd/MM/yyyy HH:mm:ss;DeviceName;Serial;Pac1;ETotal\n"
        + rows(
            40,
            "2025-04-29T03:00",
            HOUR / 12,
            lambda t, k: f"{t:%d/%m/%Y %H:%M:%S};SN: 1;305;{comma(value(k))}00;{28000 + k},500",
        ),
        {"day_first": True},
        (
            ("Pac1", 40, "2025-04-29T03:00", "2025-04-29T06:15", total(40)),
            ("ETotal", 40, "2025-04-29T03:00", "2025-04-29T06:15", sum(28000.5 + k for k in range(40))),
        ),
    ),
    FileCase(
        "padded preamble, meter number, clock with AM and PM",
        "corruptbear/my_sdge#1",
        '"Name : X",,,,\n"Account Number: 1",,,,\n"Reading Start: 12/31/1969",,,,\n"UOM: kWh",,,,\n,,,,\n'
        '"Meter Number","Date","Start Time","Duration","Consumed"\n'
        + rows(
            40,
            "2024-09-14T00:00",
            HOUR,
            lambda t, k: f'"0000000","{t:%m/%d/%Y}",{t:%I:%M:%S %p},"Hour","{value(k)}"',
        ),
        {},
        (("Consumed", 40, "2024-09-14T00:00", "2024-09-15T15:00", total(40)),),
    ),
    FileCase(
        "preamble wider than the table",
        "bokub/ha-linky#30, hekmon/edfbleu#19",
        "Identifiant PRM;Type de donnees;Date de debut;Date de fin;Grandeur physique;Unite;Pas en minutes\n"
        "XX;Courbe de charge;08/03/2022;26/02/2024;Energie active;W;\nHorodate;Valeur\n"
        + rows(60, "2024-02-25T00:00", HALF, lambda t, k: f"{t:%Y-%m-%dT%H:%M:%S}+01:00;{200 + k}"),
        {},
        (("Valeur", 60, "2024-02-24T23:00", "2024-02-26T04:30", sum(range(200, 260))),),
    ),
    FileCase(
        "the doubled hour with two offsets",
        "JC144/EDF_Simulateur_Prix#82",
        "Horodate;W\n"
        + rows(60, "2023-10-28T20:00", HALF, lambda t, k: f"{t.isoformat()};{value(k)}", "Europe/Paris"),
        {},
        (("W", 60, "2023-10-28T18:00", "2023-10-29T23:30", total(60)),),
    ),
    FileCase(
        "newest row first, through the change of the clock",
        "JC144/EDF_Simulateur_Prix#166",
        "Horodate;W\n"
        + "".join(
            reversed(
                rows(
                    60,
                    "2023-10-28T20:00",
                    HALF,
                    lambda t, k: f"{t:%d/%m/%Y %H:%M};{value(k)}",
                    "Europe/Paris",
                ).splitlines(True)
            )
        ),
        {"timezone": "Europe/Paris"},
        (("W", 60, "2023-10-28T18:00", "2023-10-29T23:30", total(60)),),
    ),
    FileCase(
        "times of day under a line with the date",
        "JC144/EDF_Simulateur_Prix#3",
        "".join(
            f"{d}/12/2023\t\t\n" + "".join(f"{h:02d}:00:00\t{100 + h}\tRéelle\n" for h in range(24))
            for d in (25, 26)
        ),
        {},
        (("column 2", 48, "2023-12-25T00:00", "2023-12-26T23:00", 2.0 * sum(range(100, 124))),),
    ),
    FileCase(
        "a typographic minus",
        "actualbudget/actual#6206, pola-rs/polars#28163",
        "Datum;Pris\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%Y-%m-%d %H:%M};{'−' if k % 2 else ''}{comma(value(k))}",
        ),
        {},
        (("Pris", 30, "2024-03-14T00:00", "2024-03-15T05:00", sum((-1) ** k * value(k) for k in range(30))),),
    ),
    FileCase(
        "parentheses are a minus",
        "moneymanagerex/moneymanagerex#2898",
        "Date,Net\n"
        + rows(
            30,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%Y-%m-%d %H:%M},{f'({value(k)})' if k % 2 else value(k)}",
        ),
        {},
        (("Net", 30, "2024-03-14T00:00", "2024-03-15T05:00", sum((-1) ** k * value(k) for k in range(30))),),
    ),
    FileCase(
        "a unit behind every number",
        "grafana/grafana#31319",
        "Time,Temperature\n"
        + rows(30, "2020-01-15T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},{value(k)} °C"),
        {},
        (("Temperature", 30, "2020-01-15T00:00", "2020-01-16T05:00", total(30)),),
    ),
    FileCase(
        "series one below the other",
        "grafana/grafana#4041",
        "Series;Time;Value\n"
        + "".join(
            rows(
                20,
                "2015-06-11T11:50",
                HOUR / 60,
                lambda t, k: f"val{n};{t:%Y-%m-%dT%H:%M:%S.000Z};{k}.{n}",
            )
            for n in "12"
        ),
        {},
        (
            ("val1", 20, "2015-06-11T11:50", "2015-06-11T12:09", sum(range(20)) + 2.0),
            ("val2", 20, "2015-06-11T11:50", "2015-06-11T12:09", sum(range(20)) + 4.0),
        ),
    ),
    FileCase(
        "commas group, the point divides",
        "grafana/grafana#14578, emoncms/emoncms#222",
        '"Series";"Time";"Value"\n'
        + rows(
            30,
            "2018-12-12T12:00",
            HOUR,
            lambda t, k: f'"net";"{t:%Y-%m-%dT%H:%M:%S}+11:00";{1_721_992_142.283 + k:,.3f}',
        ),
        {},
        (
            (
                "Value",
                30,
                "2018-12-12T01:00",
                "2018-12-13T06:00",
                sum(1_721_992_142.283 + k for k in range(30)),
            ),
        ),
    ),
    FileCase(
        "milliseconds since 1970, newest first, a delimiter at the end",
        "grafana/grafana#5372",
        "Time;polled;\n" + "".join(f"{1466074220000 - 20000 * k};{value(k)};\n" for k in range(40)),
        {},
        (("polled", 40, "2016-06-16T10:37:20", "2016-06-16T10:50:20", total(40)),),
    ),
    FileCase(
        "columns of -999 alone",
        "earthobservations/wetterdienst#544",
        "STATIONS_ID;MESS_DATUM;QN_3;FX;SDK;TMK;eor\n"
        + rows(
            30,
            "2021-07-05T00:00",
            DAY,
            lambda t, k: f"  2319;{t:%Y%m%d};-999;-999;{'-999' if k % 9 == 4 else k % 11};{10 + k % 8}.5;eor",
        ),
        {},
        (
            (
                "SDK",
                30,
                "2021-07-05T00:00",
                "2021-08-03T00:00",
                float(sum(k % 11 for k in range(30) if k % 9 != 4)),
            ),
            ("TMK", 30, "2021-07-05T00:00", "2021-08-03T00:00", sum(10.5 + k % 8 for k in range(30))),
        ),
    ),
    FileCase(
        "decimal commas between commas",
        "tomhollander/PowerwallCompanion#32",
        "timestamp,battery,grid\n"
        + rows(20, "2026-04-24T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},1{k},5,2{k},5"),
        problem="RAGGED_TABLE",
    ),
    FileCase(
        "remarks with the delimiter in them",
        "jomjol/AI-on-the-edge-device#3082",
        "time,value,error\n"
        + rows(
            20,
            "2024-05-23T10:00",
            HOUR,
            lambda t, k: (
                f"{t:%Y-%m-%dT%H:%M:%S+0200},{value(k)},{'Neg. Rate, Pre: 1' if k == 7 else 'no error'}"
            ),
        ),
        problem="RAGGED_TABLE",
        words="line 9",
    ),
    FileCase(
        "the time of day before the date",
        "OpenEnergyDashboard/OED#353",
        "meter,stamp\n"
        + rows(
            30, "2018-10-14T00:00", HOUR, lambda t, k: f"{value(k)},{t:%H:%M:%S} {t.month}/{t.day}/{t:%y}"
        ),
        {"day_first": False},
        (("meter", 30, "2018-10-14T00:00", "2018-10-15T05:00", total(30)),),
    ),
    FileCase(
        "label, reading, beginning and end",
        "OpenEnergyDashboard/OED#674",
        "Label,Readings,Start Timestamp,End Timestamp\n"
        + "".join(
            rows(
                20,
                "2021-11-23T00:00",
                HOUR,
                lambda t, k: f"meter {n},{value(k)},{t:%Y-%m-%d %H:%M:%S},{t + HOUR:%Y-%m-%d %H:%M:%S}",
            )
            for n in "ab"
        ),
        {},
        (
            ("meter a", 20, "2021-11-23T00:00", "2021-11-23T19:00", total(20)),
            ("meter b", 20, "2021-11-23T00:00", "2021-11-23T19:00", total(20)),
        ),
    ),
    FileCase(
        "a total and a legend below",
        "JoshClose/CsvHelper#893; Summe;123,45 in exports of grid operators",
        "Datum;kWh\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%d.%m.%Y %H:%M};{comma(value(k))}")
        + f"Summe;{comma(total(30))}\n\nAlle Werte in kWh, Ersatzwerte moeglich\n",
        {},
        (("kWh", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "half hours counted to 50",
        "Energy-Sparks and Elexon settlement periods",
        "SettlementDate,SettlementPeriod,Demand\n"
        + "".join(
            f"2024-10-{day},{p},{value((day - 26) * 48 + p - 1)}\n"
            for day in (26, 27)
            for p in range(1, 51 if day == 27 else 49)
        ),
        LONDON,
        (("Demand", 98, "2024-10-25T23:00", "2024-10-27T23:30", total(98)),),
    ),
    FileCase(
        "meter and register together name a series",
        "hourly exports of grid operators with OBIS columns",
        "Zaehlpunkt;OBIS;Zeit;Wert\n"
        + "".join(
            rows(
                12,
                "2024-03-14T00:00",
                HOUR,
                lambda t, k: f"AT{z};1-1:{o}.8.0;{t:%d.%m.%Y %H:%M};{z}{o}{comma(value(k))}",
            )
            for z in "12"
            for o in "12"
        ),
        {},
        tuple(
            (
                f"AT{z} 1-1:{o}.8.0",
                12,
                "2024-03-14T00:00",
                "2024-03-14T11:00",
                sum(float(f"{z}{o}{value(k)}") for k in range(12)),
            )
            for z in "12"
            for o in "12"
        ),
    ),
    FileCase(
        "blocks of two meters",
        "block exports of meter portals",
        "".join(
            f"Zählpunkt;AT00{m};\nZeit;kWh;Status\n"
            + rows(
                20,
                "2024-03-14T00:00",
                HOUR,
                lambda t, k: f"{t:%d.%m.%Y %H:%M};{comma(m * 1000 + value(k))};W",
            )
            for m in (1, 2)
        ),
        {},
        (
            ("AT001", 20, "2024-03-14T00:00", "2024-03-14T19:00", total(20) + 20_000),
            ("AT002", 20, "2024-03-14T00:00", "2024-03-14T19:00", total(20) + 40_000),
        ),
    ),
    FileCase(
        "the header again on every page",
        "joined exports with the header in the middle",
        ("time,load\n" + rows(20, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},{value(k)}"))
        + (
            "time,load\n"
            + rows(20, "2024-03-14T20:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},{value(k + 20)}")
        ),
        {},
        (("load", 40, "2024-03-14T00:00", "2024-03-15T15:00", total(40)),),
    ),
    FileCase(
        "two tables side by side",
        "exports of control systems with a time column per signal",
        "Time,Load,,Time,Temp\n"
        + "".join(f"2024-03-14 {h:02d}:00,{value(h)},,2024-03-14 {h:02d}:07,{h}\n" for h in range(24)),
        {},
        (
            ("Load", 24, "2024-03-14T00:00", "2024-03-14T23:00", total(24)),
            ("Temp", 24, "2024-03-14T00:07", "2024-03-14T23:07", 276.0),
        ),
    ),
    FileCase(
        "quarter hours of a day in a row, told by the clock",
        "load profiles with 96 columns",
        "Datum;"
        + ";".join(f"{q // 4:02d}:{q % 4 * 15:02d}" for q in range(96))
        + "\n"
        + rows(
            4,
            "2024-03-14T00:00",
            DAY,
            lambda t, k: f"{t:%d.%m.%Y};" + ";".join(comma(value(96 * k + q)) for q in range(96)),
        ),
        {},
        (("value", 384, "2024-03-14T00:00", "2024-03-17T23:45", total(384)),),
    ),
    FileCase(
        "the doubled hour as 2A and 2B",
        "Austrian and German exports of market data",
        "Datum;Stunde;Preis\n"
        + "".join(
            f"{d}.10.2024;{h};{comma(value(k))}\n"
            for k, (d, h) in enumerate(
                (d, h)
                for d in (26, 27)
                for h in (["0", "1", "2A", "2B"] if d == 27 else ["0", "1", "2"])
                + [str(x) for x in range(3, 24)]
            )
        ),
        VIENNA,
        (("Preis", 49, "2024-10-25T22:00", "2024-10-27T22:00", total(49)),),
    ),
    FileCase(
        "year, month, day and hour in columns",
        "weather exports such as TMY and ISD tables",
        "Year,Month,Day,Hour,Temp\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t.year},{t.month},{t.day},{t.hour},{value(k)}"),
        {},
        (("Temp", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "columns parted by blanks",
        "whitespace-separated tables of weather services",
        "date       time   temp\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M}   {value(k)}"),
        {},
        (("temp", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "times as hours and minutes in one number",
        "PVGIS and market exports with HHMM",
        "date,hhmm,load\n"
        + rows(30, "2024-03-14T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d},{t:%H%M},{value(k)}"),
        {},
        (("load", 30, "2024-03-14T00:00", "2024-03-15T05:00", total(30)),),
    ),
    FileCase(
        "date and clock as 20240314:0010",
        "PVGIS hourly series",
        "Latitude (decimal degrees): 48.2\nSlope: 30\n\ntime,P,G(i)\n"
        + rows(30, "2024-03-14T00:10", HOUR, lambda t, k: f"{t:%Y%m%d:%H%M},{value(k)},{k}.0")
        + "\nP: PV system power (W)\nG(i): Global irradiance\n",
        {},
        (
            ("P", 30, "2024-03-14T00:10", "2024-03-15T05:10", total(30)),
            ("G(i)", 30, "2024-03-14T00:10", "2024-03-15T05:10", 435.0),
        ),
    ),
    FileCase(
        "a header of two levels",
        "exports of loggers with device above quantity",
        ";Meter A;;Meter B;\nZeit;kWh;kW;kWh;kW\n"
        + rows(
            24,
            "2024-03-14T00:00",
            HOUR,
            lambda t, k: f"{t:%d.%m.%Y %H:%M};{comma(value(k))};1,5;{comma(2 * value(k))};2,5",
        ),
        {"value_columns": ["Meter A kWh", "Meter B kWh"]},
        (
            ("Meter A kWh", 24, "2024-03-14T00:00", "2024-03-14T23:00", total(24)),
            ("Meter B kWh", 24, "2024-03-14T00:00", "2024-03-14T23:00", 2 * total(24)),
        ),
    ),
    FileCase(
        "many rows of one stamp and nothing that tells them apart",
        "event logs exported as series",
        "time,load\n"
        + "".join(f"2024-03-{d:02d} 00:00,{value(10 * d + k)}\n" for d in range(1, 29) for k in range(3)),
        problem="DOUBLED_STAMPS",
        words="sum",
    ),
    FileCase(
        "many rows of one stamp that are parts of a sum",
        "event logs exported as series",
        "time,load\n"
        + "".join(f"2024-03-{d:02d} 00:00,{value(10 * d + k)}\n" for d in range(1, 29) for k in range(3)),
        {"doubled": "sum"},
        (
            (
                "load",
                28,
                "2024-03-01T00:00",
                "2024-03-28T00:00",
                sum(value(10 * d + k) for d in range(1, 29) for k in range(3)),
            ),
        ),
    ),
    FileCase(
        "hours counted in a zone whose clock changes, on the short day",
        "Spanish exports on the last Sunday of March",
        "Fecha;Hora;kWh\n"
        + "".join(
            f"{day}/03/2024;{h};{comma(value(k))}\n"
            for k, (day, h) in enumerate((d, h) for d in (30, 31) for h in range(1, 24 if d == 31 else 25))
        ),
        MADRID,
        (("kWh", 47, "2024-03-29T23:00", "2024-03-31T21:00", total(47)),),
    ),
]
