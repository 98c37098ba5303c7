"""Plan a rolling-origin backtest: which samples train, validate and test at each cutoff."""

from dataclasses import dataclass

import numpy as np

from services.evaluator.core.problems import FoldsDoNotFit
from shared.timeseries.arrays import Int64

_MINUTE_NS = 60 * 10**9


@dataclass(frozen=True)
class Fold:
    """Sample indices [start, stop) of one origin, oldest fold first.

    No true value of an earlier part lies at or after the reference time at which the next part begins,
    so nothing is fitted or chosen with a value that was unknown at the cutoff.
    """

    number: int
    cutoff_ns: int  # reference time of the first test sample
    train: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]
    refit: bool


def plan_folds(
    ref_ns: Int64,
    *,
    n_folds: int,
    test_windows: int,
    validation_windows: int,
    horizon_minutes: float,
    min_train_windows: int = 1,
    expanding: bool = True,
    refit: bool = True,
) -> tuple[Fold, ...]:
    """Cut sample indices into folds whose tests tile the newest samples.

    Parameters
    ----------
    ref_ns
        Reference times of all samples, ascending, Unix nanoseconds.
    n_folds, test_windows, validation_windows
        Number of cutoffs, and samples per part.
    horizon_minutes
        From a reference time to its last true value; parts are this far apart.
    min_train_windows
        What the first fold must leave for training.
    expanding
        True trains on everything before; False on as many samples as the first fold has.
    refit
        False keeps the first fold's training and validation part for all cutoffs.

    Raises
    ------
    FoldsDoNotFit
        If the first fold has fewer than ``min_train_windows`` samples to train on.
    """
    starts = [len(ref_ns) - (n_folds - i) * test_windows for i in range(n_folds)]
    folds: list[Fold] = []
    for number, start in enumerate(starts):
        train, validation = _before(ref_ns, start, validation_windows, horizon_minutes)
        if number == 0 and train[1] < max(1, min_train_windows):
            raise FoldsDoNotFit(
                f"{n_folds} folds of {test_windows} test and {validation_windows} validation samples leave "
                f"{max(train[1], 0)} of {len(ref_ns)} samples to train the first on; needed are "
                f"{max(1, min_train_windows)}",
                field="n_folds",
            )
        if number and not refit:
            train, validation = folds[0].train, folds[0].validation
        elif number and not expanding:
            train = (train[1] - folds[0].train[1], train[1])
        test = (start, start + test_windows)
        folds.append(Fold(number, int(ref_ns[start]), train, validation, test, refit or number == 0))
    return tuple(folds)


def _before(
    ref_ns: Int64, start: int, validation_windows: int, horizon_minutes: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    stop = _known_by(ref_ns, start, horizon_minutes)
    first = stop - validation_windows
    end = _known_by(ref_ns, first, horizon_minutes) if validation_windows else stop
    return (0, end), (first, stop)


def _known_by(ref_ns: Int64, index: int, horizon_minutes: float) -> int:
    """Return how many samples have all their true values before sample ``index``'s reference time ends."""
    if index < 0:
        return -1
    latest = ref_ns[index] - np.int64(round(horizon_minutes * _MINUTE_NS))
    return int(np.searchsorted(ref_ns, latest, side="right"))
