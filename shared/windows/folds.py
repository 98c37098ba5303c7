"""Plan a rolling-origin backtest: which samples train, validate and test at each cutoff."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np

from shared.contracts.backtest import MAX_FOLDS, BacktestPart, BacktestSpec, Fold, Span
from shared.series.arrays import Int64
from shared.series.problems import FoldsDoNotFit
from shared.windows.dataset import Dataset
from shared.windows.split import Parts

MIN_TRAIN_WINDOWS = 4  # what every kind needs to fit at all
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class SampleHistory:
    """All samples of a data set on the axis of time, and how what came before a cutoff is divided.

    ``ref_ns`` are their reference times, ascending; sample i may teach anything about a sample j only if
    ``settled_ns[i] < ref_ns[j]``. ``validation_share`` is that of the samples before a cutoff, the newest.
    ``zone`` is whose clock cutoffs are told in.
    """

    ref_ns: Int64
    settled_ns: Int64
    validation_share: float
    zone: tzinfo = UTC

    def __len__(self) -> int:
        return len(self.ref_ns)

    def at(self, sample: int) -> datetime:
        """Return a reference time to the microsecond, by the clock of the zone."""
        return (_EPOCH + timedelta(microseconds=int(self.ref_ns[sample]) // 1000)).astimezone(self.zone)

    def settled_before(self, sample: int) -> int:
        """Return how many samples are settled when ``sample`` is forecast."""
        if sample <= 0:
            return 0
        settled = int(np.searchsorted(self.settled_ns, self.ref_ns[sample], side="left"))
        return min(settled, sample)  # never what is tested itself, be its rows ever so old

    def before(self, start: int, *, n_validation: int | None = None) -> tuple[Span, Span]:
        """Return the training and the validation samples of a fold whose test begins at ``start``."""
        stop = self.settled_before(start)
        wanted = round(self.validation_share * stop) if n_validation is None else n_validation
        first = max(0, stop - wanted)
        return (0, self.settled_before(first) if first < stop else stop), (first, stop)

    def fits(self, n_folds: int, test_windows: int) -> bool:
        """Whether the first of so many folds has enough samples to train on."""
        start = len(self) - n_folds * test_windows
        return start > 0 and self.before(start)[0][1] >= MIN_TRAIN_WINDOWS


def plan_backtest(dataset: Dataset, spec: BacktestSpec) -> tuple[Fold, ...]:
    """Plan the folds of a data set, always in time order, whatever its own split does.

    Raises
    ------
    FoldsDoNotFit
        Saying how many windows there are and what would work.
    """
    size = spec.test_windows or default_size(dataset, spec.n_folds)
    return plan_folds(history_of(dataset), spec, test_windows=size)


def default_size(dataset: Dataset, n_folds: int) -> int:
    """Return the windows tested per cutoff: the data set's test share, all folds at most half of the data."""
    share = dataset.spec.split.test / 100 or 1.0
    return max(1, min(round(share * dataset.n_windows), dataset.n_windows // (2 * n_folds)))


def history_of(dataset: Dataset) -> SampleHistory:
    """Return a data set's samples in time; one is settled with the last row that any of its windows reads."""
    sources, ref_ns, split = dataset.assembly.sources, dataset.ref_ns, dataset.spec.split
    # Archived forecasts are known at the reference time by construction, however far they look ahead.
    measured = [source for source in sources if source.series.issued_ns is None]
    settled = np.max([source.last_read_ns(ref_ns) for source in measured], axis=0, initial=0)
    # A target may begin before the reference time: what trains must end before that.
    lead = min(0, dataset.plan.target_reach_ns[0])
    share = split.validation / (split.train + split.validation)
    return SampleHistory(ref_ns, settled - lead, share, ZoneInfo(dataset.spec.calendar.timezone))


def plan_folds(history: SampleHistory, spec: BacktestSpec, *, test_windows: int) -> tuple[Fold, ...]:
    """Cut samples into folds whose tests tile the newest ones, oldest fold first.

    Every value a fold is fitted or chosen with stood in a row older than the fold's cutoff; its validation
    samples lie as strictly after its training samples.

    Raises
    ------
    FoldsDoNotFit
        If the first fold has too few samples to train on.
    """
    if not history.fits(spec.n_folds, test_windows):
        raise _do_not_fit(history, spec.n_folds, test_windows)
    folds: list[Fold] = []
    for number in range(1, spec.n_folds + 1):
        start = len(history) - (spec.n_folds - number + 1) * test_windows
        if not folds or (spec.refit and spec.window == "expanding"):
            train, validation = history.before(start)
        elif not spec.refit:
            train, validation = folds[0].train, folds[0].validation
        else:  # as much as the first fold has, slid along
            n_validation = folds[0].validation[1] - folds[0].validation[0]
            (_, stop), validation = history.before(start, n_validation=n_validation)
            train = (stop - folds[0].train[1], stop)
        folds.append(
            Fold(
                number=number,
                cutoff=history.at(start),
                last=history.at(start + test_windows - 1),
                train=train,
                validation=validation,
                test=(start, start + test_windows),
            )
        )
    return tuple(folds)


def _do_not_fit(history: SampleHistory, n_folds: int, test_windows: int) -> FoldsDoNotFit:
    """Say what was asked for, what there is, and what would work."""
    fewer = [n for n in range(1, min(n_folds, MAX_FOLDS)) if history.fits(n, test_windows)]
    largest = bisect_right(
        range(1, test_windows), 0, key=lambda size: -1 if history.fits(n_folds, size) else 1
    )
    ways = [f"Ask for at most {fewer[-1]} folds of {test_windows} windows."] if fewer else []
    ways += [f"Or keep {n_folds} folds and test at most {largest} windows in each."] if largest else []
    return FoldsDoNotFit(
        f"{n_folds} folds of {test_windows} test windows leave fewer than {MIN_TRAIN_WINDOWS} of the "
        f"{len(history)} windows to train the first fold on",
        suggestions=tuple(ways),
        field="n_folds",
        n_windows=len(history),
        most_folds=fewer[-1] if fewer else 0,
        most_test_windows=largest,
    )


def parts_of(part: BacktestPart, n_windows: int) -> Parts:
    """Return what one job of a backtest trains on, chooses on and forecasts, as parts of its data set.

    Raises
    ------
    FoldsDoNotFit
        If the folds were planned on another data set.
    """
    if part.test[1] > n_windows:
        raise FoldsDoNotFit(
            f"the folds reach to window {part.test[1]} of a data set with {n_windows}", field="folds"
        )
    train, validation, test = (np.arange(*span) for span in (part.train, part.validation, part.test))
    n_purged = part.test[0] - part.train[0] - len(train) - len(validation)
    return Parts(train, validation, test, n_purged=n_purged, leaking=False)


def slices_of(folds: Sequence[Fold]) -> tuple[slice, ...]:
    """Return where each fold's windows lie among the test windows of the job that forecasts all of them."""
    begin = folds[0].test[0]
    return tuple(slice(fold.test[0] - begin, fold.test[1] - begin) for fold in folds)
