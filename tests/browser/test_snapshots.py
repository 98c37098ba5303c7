"""Every state of the page looks as it did: recorded answers, a pinned font and clock, compared by points.

``TRAINYARD_WRITE_PICTURES=1 .venv/bin/python -m pytest tests/browser/test_snapshots.py`` takes them anew.
Look at each that has changed before it is committed.
"""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from tests.support.browser import BROWSER, CHROMIUM, needs_browser, needs_page, node
from trainyard.local import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), needs_browser, needs_page]
KEPT = BROWSER / "pictures"
FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"
COLOURS = 48  # of a kept picture: small files, and flat areas stay as they are
CLOSE = 48  # levels of 255 a point may differ in: what fewer colours and smooth edges make of it
TILE, SHARE = 60, 0.15  # of the points of a tile that may differ by more: browsers draw edges anew


def keep(picture: Path) -> None:
    """Store a picture with few colours."""
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(KEPT / picture.name, optimize=True)


def difference(picture: Path) -> str | None:
    """Say how a picture differs from the one that is kept; None if it does not."""
    kept = KEPT / picture.name
    if not kept.exists():
        return f"{picture.name}: there is no such picture yet"
    with Image.open(picture) as image, Image.open(kept) as before:
        now, then = np.asarray(image.convert("RGB"), int), np.asarray(before.convert("RGB"), int)
    if now.shape != then.shape:
        return f"{picture.name}: {now.shape[:2]} points high and wide, kept are {then.shape[:2]}"
    other = np.abs(now - then).max(axis=2) > CLOSE
    rows, columns = (-(-length // TILE) for length in other.shape)
    padded = np.zeros((rows * TILE, columns * TILE), bool)
    padded[: other.shape[0], : other.shape[1]] = other
    tiles = padded.reshape(rows, TILE, columns, TILE).mean(axis=(1, 3))
    row, column = divmod(int(tiles.argmax()), columns)
    if tiles[row, column] <= SHARE:
        return None
    return f"{picture.name}: differs near ({column * TILE}, {row * TILE})"


async def test_every_state_looks_as_it_did(tmp_path: Path) -> None:
    seen = await node(
        "shoot.mjs", ROOT / "services/gateway/web/dist", str(CHROMIUM), BROWSER / "answers.json", FONTS,
        tmp_path, patience_s=840,
    )  # fmt: skip
    pictures = sorted(tmp_path.glob("*.png"))  # noqa: ASYNC240 - a folder of names, and nobody waits
    assert (seen["failed"], seen["errors"], seen["missing"]) == ([], [], [])
    assert seen["wide"] == []  # at 320 points, in English and in German
    if os.environ.get("TRAINYARD_WRITE_PICTURES"):
        KEPT.mkdir(exist_ok=True)
        for old in KEPT.glob("*.png"):
            old.unlink()
        for picture in pictures:
            keep(picture)

    assert [found for picture in pictures if (found := difference(picture))] == []
    assert {picture.name for picture in pictures} == {kept.name for kept in KEPT.glob("*.png")}


def test_a_word_that_changes_is_seen_and_a_picture_stays_like_itself(tmp_path: Path) -> None:
    kept = KEPT / "sessions-light-1280.png"
    changed, same = tmp_path / kept.name, tmp_path / "same" / kept.name
    same.parent.mkdir()
    with Image.open(kept) as image:
        picture = image.convert("RGB")
    picture.save(same)
    picture.paste((0, 0, 0), (40, 60, 140, 120))
    picture.save(changed)

    assert difference(same) is None
    assert difference(changed) is not None
