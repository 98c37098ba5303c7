"""The supervisor of one machine: what dies is started again, ever more slowly while it dies at once."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from trainyard import local
from trainyard.local import LocalSettings, Platform, Service


def test_the_pause_doubles_after_every_short_life_up_to_ten_seconds(tmp_path: Path) -> None:
    service = Service("x", "nothing", {}, tmp_path)

    pauses = []
    for _ in range(8):
        service._started_at = time.monotonic()  # it died at once
        pauses.append(service.pause())

    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_after_a_long_life_the_pause_is_short_again(tmp_path: Path) -> None:
    service = Service("x", "nothing", {}, tmp_path)
    for _ in range(5):
        service._started_at = time.monotonic()
        service.pause()

    service._started_at = time.monotonic() - local._LONG_LIFE - 1

    assert service.pause() == 0.25


class Mortal(Service):
    """A process that ends at once, and when it was started."""

    def __init__(self, folder: Path) -> None:
        super().__init__("mortal", "json.tool", {}, folder)  # without input it ends with an error
        self.starts: list[float] = []

    def start(self) -> None:
        self.starts.append(time.monotonic())
        super().start()


class StandsStill:
    """A broker that needs nothing."""

    def alive(self) -> bool:
        return True


async def test_a_service_that_dies_at_once_is_started_ever_more_slowly_and_no_other_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform(LocalSettings(data_dir=tmp_path))
    broker: Any = StandsStill()
    monkeypatch.setattr(platform, "broker", broker)
    mortal, other = Mortal(tmp_path), Mortal(tmp_path)
    platform.services = {"mortal": mortal, "other": other}
    mortal.start()
    mortal._pause = 2.0  # it has died a few times before

    watching = asyncio.create_task(platform._keep_running())
    await asyncio.sleep(3.5)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    gaps = [later - earlier for earlier, later in zip(other.starts, other.starts[1:], strict=False)]
    assert len(mortal.starts) == 1  # it waits for four seconds
    assert len(other.starts) >= 2
    assert gaps == sorted(gaps)
    assert gaps[0] >= 0.5
    for service in (mortal, other):
        service.end(grace=5)
