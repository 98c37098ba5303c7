"""Train, validation and test: shares of the samples in time order, with the borders purged."""

from dataclasses import dataclass

import numpy as np

from shared.contracts.specs import Split
from shared.series.arrays import Int64


@dataclass(frozen=True, eq=False)
class Parts:
    """Sample numbers of each part in time order, and what was left out at the borders."""

    train: Int64
    validation: Int64
    test: Int64
    n_purged: int
    leaking: bool  # shuffled: neighbours of test samples were trained on


def split(ref_ns: Int64, setting: Split, *, reach_ns: tuple[int, int]) -> Parts:
    """Divide samples into parts (docs/numerics.md, section 5).

    Parameters
    ----------
    ref_ns
        Shape (n_windows,), ascending reference times.
    reach_ns
        Earliest and latest target of a sample relative to its reference time.

    Returns
    -------
    parts
        Purged: every target of a part comes after every target of the parts before it.
    """
    n = len(ref_ns)
    n_train, n_validation, _ = part_sizes(n, setting)
    order = np.random.default_rng(setting.seed).permutation(n) if setting.shuffle else np.arange(n)
    pieces = [np.sort(piece) for piece in np.split(order, [n_train, n_train + n_validation])]
    purge = setting.purge and not setting.shuffle
    kept = purged(pieces, ref_ns, reach_ns[1] - reach_ns[0]) if purge else pieces
    return Parts(
        train=kept[0],
        validation=kept[1],
        test=kept[2],
        n_purged=n - sum(map(len, kept)),
        leaking=setting.shuffle,
    )


def part_sizes(n: int, setting: Split) -> tuple[int, int, int]:
    """Return how many of n samples are of train, validation and test before the borders are purged.

    >>> part_sizes(11, Split(train=70, validation=20, test=10))
    (8, 2, 1)
    """
    n_train = min(round(setting.train / 100 * n), n)
    n_validation = min(round(setting.validation / 100 * n), n - n_train)
    return n_train, n_validation, n - n_train - n_validation


def purged(pieces: list[Int64], ref_ns: Int64, width_ns: int) -> list[Int64]:
    """Drop the samples of each piece whose targets begin before those of the pieces before it have ended."""
    kept: list[Int64] = []
    latest: int | None = None
    for piece in pieces:
        rest = piece if latest is None else piece[ref_ns[piece] > latest + width_ns]
        kept.append(rest)
        latest = int(ref_ns[rest[-1]]) if len(rest) else latest
    return kept
