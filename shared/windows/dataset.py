"""The data set: aligned series once, the index of complete windows, calendar, scalers, split.

Windows are not stored; they are read in batches, scaled, as float32. The same cuts, calendar and
scalers build the one window a forecast needs, so training and forecasting agree to the last bit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np

from shared.contracts.specs import DatasetSpec
from shared.series.arrays import Bool, Float32, Float64, Int64
from shared.series.calendar import feature_values
from shared.series.calendar_steps import shifted
from shared.series.problems import IncompleteWindow, NoWindowFits, UnknownSeries
from shared.series.resample import Code
from shared.series.series import Series
from shared.windows import artefact
from shared.windows.artefact import dataset_key
from shared.windows.batches import gather
from shared.windows.build import Assembly
from shared.windows.columns import GridColumn
from shared.windows.darkness import LEAST_SHARE, TINY, Darkness, learn_darkness
from shared.windows.dropped import REASONS
from shared.windows.layout import layout_of
from shared.windows.plan import WindowPlan, plan_windows
from shared.windows.provenance import Provenance, provenance
from shared.windows.samples import Layout, Samples
from shared.windows.series_windows import SeriesWindows

__all__ = ["Dataset", "Part", "build_dataset", "build_planned", "build_window", "dataset_key"]

Part = Literal["train", "validation", "test"]
WINDOWS_AT_ONCE = 512
MOST_SEEN = 1 << 21  # truths that are looked at for what a training part shows of darkness


@dataclass(frozen=True, eq=False)
class Dataset(Assembly):
    """Windows of several series, ready to train on.

    Samples are numbered 0 .. n_windows - 1 in time order; every ``index`` is an array of such numbers.
    """

    @property
    def n_windows(self) -> int:
        """Number of samples."""
        return len(self.numbers)

    @cached_property
    def layout(self) -> Layout:
        """The meaning of the columns, with the scalers."""
        layout = layout_of(self.plan, self.sources, self.x_scaler, self.y_scaler)
        outputs = range(len(layout.outputs))
        layout = replace(layout, floors=tuple(self._floor(k) for k in outputs))
        return replace(layout, darkness=tuple(self._darkness(layout, k) for k in outputs))

    @property
    def nbytes(self) -> int:
        """Bytes held for all columns: rows, lattices and index; a view into rows costs nothing."""
        sources, tracks = self.sources, (*self.x_tracks, *self.y_tracks)
        rows = {id(source.series): source.series for source in sources}
        values = [track.values for track in tracks if isinstance(track, GridColumn)]
        own = [v for v in values if not any(np.may_share_memory(v, r.values) for r in rows.values())]
        return self.numbers.nbytes + sum(v.nbytes for v in own) + sum(r.nbytes for r in rows.values())

    def indices(self, part: Part) -> Int64:
        """Return the samples of a part in time order, after purging."""
        match part:
            case "train":
                return self.parts.train
            case "validation":
                return self.parts.validation
            case "test":
                return self.parts.test

    def x(self, index: Int64 | None = None, *, scaled: bool = True) -> Float32:
        """Return inputs, shape (n, input_steps, n_inputs), scaled or in original units."""
        scaler = self.x_scaler if scaled else None
        number = self._numbers(index)
        steps = self.spec.input_steps
        return gather(self.x_tracks, number, steps, scaler=scaler, dtype=np.float32)

    def y(self, index: Int64 | None = None, *, scaled: bool = True) -> Float32:
        """Return targets, shape (n, output_steps, n_outputs), scaled or in original units."""
        scaler = self.y_scaler if scaled else None
        number = self._numbers(index)
        steps = self.spec.output_steps
        return gather(self.y_tracks, number, steps, scaler=scaler, dtype=np.float32)

    def y_true(self, index: Int64 | None = None) -> Float64:
        """Return targets in original units at full precision, as scores need them."""
        number = self._numbers(index)
        steps = self.spec.output_steps
        return gather(self.y_tracks, number, steps, scaler=None, dtype=np.float64)

    def part(self, part: Part) -> Samples:
        """Return a whole part as scaled samples."""
        return self._samples(self.indices(part))

    def batches(self, part: Part, size: int) -> Iterator[Samples]:
        """Yield a part as scaled samples of at most ``size`` windows, in time order."""
        index = self.indices(part)
        for begin in range(0, len(index), size):
            yield self._samples(index[begin : begin + size])

    def training_values(self, output: int) -> Float64:
        """Return output k on its own time axis up to the end of the last training window.

        Missing rows are NaN: they keep their place, so that a distance in rows is a distance in time.
        """
        source = self.sources[len(self.spec.inputs) + output]
        if len(self.parts.train) == 0:
            return np.empty(0)
        ref_ns = self.ref_ns[self.parts.train[-1:]]
        last = int(shifted(ref_ns, source.rule.reach_ns[1], source.rule.calendar)[0])
        stop = np.searchsorted(source.series.times_ns, last, side="right")
        return np.asarray(source.series.values[:stop])

    def provenance(self, sample: int) -> tuple[Provenance, ...]:
        """Return, per series column (inputs first), the rows each step of a sample was read from."""
        ref = self.ref_ns[sample : sample + 1]
        return tuple(provenance(source, ref) for source in self.sources)

    def save(self, folder: Path) -> None:
        """Write the data set to a folder of .npy files and one JSON file."""
        artefact.save(self, folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the data set of a folder; its arrays stay on disk until they are read.

        Raises
        ------
        NotADataset
            If the folder holds no finished data set.
        """
        return artefact.load(folder, cls)

    def _floor(self, output: int) -> float | None:
        """Return 0 for an output that its training part never shows below it, None otherwise."""
        values = self.training_values(output)
        known = values[np.isfinite(values)]
        return 0.0 if self.spec.outputs[output].bounded and len(known) and known.min() >= 0 else None

    def _darkness(self, layout: Layout, output: int) -> Darkness | None:
        """Return how the training part shows that an output's past tells its zeros; None if it does not."""
        own = layout.own_past[output]
        values = self.training_values(output)
        known = values[np.isfinite(values)]
        if layout.floors[output] is None or own is None or not len(self.parts.train):
            return None
        tiny = TINY * float(known.max(initial=0.0))
        if not LEAST_SHARE <= np.mean(known <= tiny) < 1.0:
            return None
        ahead, past = layout.ahead_and_past(output, own)
        train = self.parts.train[:: 1 + len(self.parts.train) * len(ahead) // MOST_SEEN]

        def windows() -> Iterator[tuple[Float32, Bool]]:
            for begin in range(0, len(train), WINDOWS_AT_ONCE):
                some = train[begin : begin + WINDOWS_AT_ONCE]
                yield self.x(some), self.y_true(some)[:, :, output] <= tiny

        zero = float(layout.x_scaler.low[own] + (tiny - layout.x_scaler.lo[own]) * layout.x_scaler.gain[own])
        return learn_darkness(own, ahead, past, zero, windows)

    def _samples(self, index: Int64) -> Samples:
        return Samples(self.x(index), self.y(index), self.ref_ns[index])

    def _numbers(self, index: Int64 | None) -> Int64:
        return self.numbers if index is None else self.numbers[index]


def build_dataset(spec: DatasetSpec, series: Mapping[str, Series]) -> Dataset:
    """Cut series into windows with calendar features, split them and fit the scalers.

    Parameters
    ----------
    series
        By ``SeriesSpec.series_id``; more than the settings use are welcome.

    Raises
    ------
    InvalidInput
        One of `shared.series.problems`: it names the setting, the series or the rows.
    NoWindowFits
        If not one reference time has every window complete.
    """
    return build_planned(plan_windows(spec, series), series)


def build_planned(plan: WindowPlan, series: Mapping[str, Series]) -> Dataset:
    """The same with a plan that is already made of these series."""
    dataset = Dataset.of(plan, series)
    if len(dataset.numbers) == 0:
        # Say what would help; a gap in the target can be interpolated, if that is wanted.
        holes = any(
            drop.role == "output" and drop.reason in ("missing_value", "gap") for drop in dataset.drops.drops
        )
        asked = ("Or let targets in gaps be interpolated: resample 'filled' for the output (--interpolate).",)
        raise NoWindowFits(
            f"no window fits: {dataset.drops.sentence()}",
            suggestions=(*NoWindowFits.advice, *(asked if holes else ())),
            field="series",
            drops=dataset.drops.to_json(),
        )
    return dataset


def build_window(dataset: Dataset, series: Mapping[str, Series], ref_ns: int) -> Float32:
    """Return the scaled inputs at one reference time, from fresh rows.

    Parameters
    ----------
    dataset
        Whose settings, clock and scalers apply.
    series
        Fresh rows by series id, inputs only.
    ref_ns
        The cutoff, Unix nanoseconds.

    Returns
    -------
    x
        Shape (1, input_steps, n_inputs).

    Raises
    ------
    UnknownSeries, IncompleteWindow
        If an input is not given, or its rows do not fill the window.
    """
    plan = dataset.plan
    ref = np.array([ref_ns])
    columns: list[Float64 | Float32] = []
    for rule in plan.inputs:
        wanted = rule.spec.series_id
        if wanted not in series:
            raise UnknownSeries(f"series {wanted} not given", field="series", series=wanted)
        columns.append(_complete(SeriesWindows(rule, series[wanted]), ref))
    for feature in plan.calendar:
        at = feature.window.moments(ref, plan.grid.calendar)[0]
        columns += list(feature_values(feature.feature, at, feature.setting, plan.clock).T)
    x = np.stack([np.broadcast_to(column, plan.spec.input_steps) for column in columns], axis=1)
    return dataset.x_scaler.transform(x.astype(np.float64))[None].astype(np.float32)


def _complete(source: SeriesWindows, ref_ns: Int64) -> Float64:
    """Return the window of one input, shape (n_values,)."""
    points = source.points(ref_ns)
    first = int(np.argmax(points.codes[0] != Code.OK))
    code = points.codes[0, first]
    if code != Code.OK:
        name, reason = source.rule.spec.name, dict(REASONS)[Code(code)]
        at = str(np.datetime64(int(ref_ns[0]), "ns"))
        raise IncompleteWindow(
            f"input {name!r} does not fill the window at {at}Z: step {first + 1}, {reason.replace('_', ' ')}",
            series=name,
            step=first,
            reason=reason,
        )
    window: Float64 = points.values[0]
    return window
