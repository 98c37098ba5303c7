"""The built page in a real Chromium on the whole platform: an engineer's tour, then every screen."""

import asyncio
import json
import math
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trainyard.local import ROOT, LocalSettings, Platform

HERE = Path(__file__).parent
AXE = ROOT / "services/gateway/web/app/node_modules/axe-core/axe.min.js"
BUILT = ROOT / "services/gateway/web/dist/index.html"
PATIENCE_S = 900
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(2 * PATIENCE_S),
    pytest.mark.skipif(
        not (CHROMIUM and shutil.which("node") and (HERE / "node_modules" / "playwright-core").exists()),
        reason="BROWSER TEST DID NOT RUN: needs chromium, node, and npm install in tests/browser",
    ),
    pytest.mark.skipif(
        not BUILT.exists(), reason="BROWSER TEST DID NOT RUN: the page is not built, make page"
    ),
]


def write_files(folder: Path) -> None:
    """Write what people bring: a German export with a gap, weather, a stray file, no file at all."""
    rng = random.Random(4)
    start, cold = datetime(2023, 1, 2), 0.0
    load, weather = ["Zeitstempel;Netzlast [kW]"], ["time,Temperature"]
    for hour in range(6000):
        now = start + timedelta(hours=hour)
        cold = 0.97 * cold + rng.gauss(0, 0.5)
        warmth = 10 - 11 * math.cos(math.tau * (now.timetuple().tm_yday - 20) / 365)
        warmth += 4 * math.sin(math.tau * (now.hour - 9) / 24) + cold
        value = 300 + 80 * math.sin(math.tau * (now.hour - 8) / 24) - (60 if now.weekday() >= 5 else 0)
        value += 6 * max(0, 15 - warmth) + rng.gauss(0, 8)
        weather.append(f"{now:%Y-%m-%d %H:%M:%S},{warmth:.2f}")
        if 3000 <= hour < 3006:
            continue  # the gap
        cell = "" if hour in (1200, 4100) else f"{value:.2f}".replace(".", ",")
        load += [f"{now:%d.%m.%Y %H:%M};{cell}"] * (2 if hour == 2000 else 1)
    stray = [
        "time,Power",
        *(row if k != 77 else f"{row.split(',')[0]},12.a4" for k, row in enumerate(weather[1:501])),
    ]
    (folder / "Netzlast_2023.csv").write_text("\n".join(load))
    (folder / "temperature.csv").write_text("\n".join(weather))
    (folder / "broken.csv").write_text("\n".join(stray))
    both = [f"{day:02d}/{month:02d}/2023;{day}" for month in (1, 3, 5) for day in (2, 4, 6, 8)]
    (folder / "two-readings.csv").write_text("\n".join(["Time;Reserve", *both]))
    later = [start + timedelta(hours=6000 + hour) for hour in range(24)]
    (folder / "newer.csv").write_text(
        "\n".join([load[0], *(f"{now:%d.%m.%Y %H:%M};{310 + now.hour},5" for now in later)])
    )
    (folder / "empty.csv").write_bytes(b"")
    (folder / "binary.csv").write_bytes(rng.randbytes(3000))


async def node(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of this folder and return the JSON it prints."""
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / script), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, complaints = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, complaints.decode()
    seen: dict[str, Any] = json.loads(out)
    return seen


async def test_an_engineer_goes_from_files_to_a_forecast_and_every_screen_is_sound(tmp_path: Path) -> None:
    write_files(tmp_path)
    async with Platform(LocalSettings(data_dir=tmp_path / "data", durable=False)) as platform:
        seen = await node("tour.mjs", platform.url, str(CHROMIUM), str(tmp_path), str(tmp_path))
        looked = await node(
            "look.mjs", platform.url, str(CHROMIUM), str(AXE), seen["address"], seen["model"], str(tmp_path)
        )

    refused = [error for error in seen["errors"] if "422" in error and "/schedules/" in error]
    assert len(refused) == 1  # the webhook on this machine, which the browser tells, too
    assert [error for error in seen["errors"] if error not in refused] == []
    assert seen["csp"] == 0
    assert seen["foreign"] == []
    assert seen["requests"]["first"]["all"] <= 8
    assert seen["requests"]["run"]["api"] <= 8
    assert seen["progress"] == sorted(seen["progress"])
    check_the_leak_guard(seen)
    check_what_was_said(seen)
    assert seen["sameForm"] is True
    assert seen["models"] == 8  # five kinds, their average, two baselines
    check_tomorrow(seen)
    check_what_goes_by_itself(seen)
    assert looked["axe"] == []
    assert looked["small"] == []
    assert looked["wide"] == []
    assert looked["screens"] == 104


def check_the_leak_guard(seen: dict[str, Any]) -> None:
    """The mean distance of two rows is 60.06 minutes: what is posted is the usual one."""
    dataset = seen["posted"]["dataset"]
    assert dataset["stride"] == 60
    assert [one["horizon"] for one in dataset["series"]] == [
        {"start": -191, "end": 0},
        {"start": -167, "end": 24},  # the weather is known in advance, and its past comes along
        {"start": 1, "end": 24},
    ]
    assert "No input looks ahead" in seen["checks"]


def check_tomorrow(seen: dict[str, Any]) -> None:
    """What is missing is named, a wrong table is refused, a scenario differs, newer rows are counted."""
    assert "Temperature: 24 values are missing" in seen["needs"]
    assert "no column called Temperature" in seen["unfilled"]
    assert "Netzlast" in seen["tomorrow"]
    assert "Against the plain forecast" in seen["scenario"]
    assert "New rows: 24" in seen["newer"]
    assert "in use" in seen["version"]
    assert "MAE" in seen["met"]


def check_what_goes_by_itself(seen: dict[str, Any]) -> None:
    """A search is asked for and seen; a schedule is refused, made, paused; demo data are read right."""
    assert "search of 2 trials" in seen["tuned"]
    assert seen["trials"] == 2
    assert "https address" in seen["hook"]
    assert "Forecast every day at 06:00" in seen["paused"]
    assert "paused" in seen["paused"]
    assert "departures" in seen["demo"]
    assert {"America/New_York", "US", "NY"} <= set(seen["demoForm"])


def check_what_was_said(seen: dict[str, Any]) -> None:
    """Every finding and every refusal is in words, and none of them is a path of the API."""
    assert "1 gap: 6 rows are missing" in seen["report"]
    assert "Empty cells: 2" in seen["report"]
    assert any("empty" in text for text in seen["refused"])
    assert any("binary" in text for text in seen["refused"])
    assert not any("/api/" in text for text in seen["refused"])
    assert "best model" in seen["verdict"]
    assert "2023-02-01" in seen["question"]
    assert "2023-01-02" in seen["question"]
