"""From tracks to arrays: windows of many columns at memory speed, any selection, any block size.

Columns whose lattices have the same shape are laid side by side for the stretch of time a block of
windows covers; the windows are then strided views of that table and copying one is copying memory.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from shared.series.arrays import Float64, Int64
from shared.windows.columns import GridColumn, Track, blocks
from shared.windows.scaling import Scaler

BLOCK_VALUES = 1 << 20  # values gathered at once: the table of a block stays in the processor's cache
SPARSE = 4  # a table with so many times the points of its windows is not worth building


def gather(
    tracks: Sequence[Track],
    number: Int64,
    steps: int,
    *,
    scaler: Scaler | None,
    dtype: type[np.floating[Any]],
) -> NDArray[Any]:
    """Return the windows of candidates as one array.

    Parameters
    ----------
    tracks
        One per column.
    number
        Shape (n,), candidate numbers in any order.
    steps
        Points per window; a column that holds one value repeats it.
    scaler
        Applied in float64 before the cast to ``dtype``; None leaves original units.

    Returns
    -------
    windows
        Shape (n, steps, n_columns).
    """
    out = np.empty((len(number), steps, len(tracks)), dtype=dtype)
    groups = _groups(tracks)
    done = 0
    for block in blocks(number, steps * len(tracks), BLOCK_VALUES):
        target = out[done : done + len(block)]
        low, high = int(block.min()), int(block.max())
        for columns in groups:
            if _is_dense(tracks[columns.start], high - low, len(block)):
                windows = _table_windows(tracks, columns, (low, high), scaler, dtype)
                solid = high - low + 1 == len(block) and bool((np.diff(block) == 1).all())
                target[:, :, columns] = windows if solid else windows[block - low]
            else:
                for column in range(columns.start, columns.stop):
                    values = _scaled(tracks[column].take(block), column, scaler)
                    target[:, :, column] = values  # one value per window is repeated by broadcasting
        done += len(block)
    return out


def _groups(tracks: Sequence[Track]) -> list[slice]:
    """Neighbouring columns that can share a table, as slices of columns."""
    groups: list[slice] = []
    for column, track in enumerate(tracks):
        if groups and _shape(track) is not None and _shape(track) == _shape(tracks[column - 1]):
            groups[-1] = slice(groups[-1].start, column + 1)
        else:
            groups.append(slice(column, column + 1))
    return groups


def _shape(track: Track) -> tuple[int, int, int] | None:
    return (track.hop, track.skip, track.n_points) if isinstance(track, GridColumn) else None


def _is_dense(track: Track, span: int, n_windows: int) -> bool:
    """Whether a table of all points between the windows is hardly larger than the windows themselves."""
    if not isinstance(track, GridColumn):
        return False
    points = span * track.hop + (track.n_points - 1) * track.skip + 1
    return points <= SPARSE * n_windows * track.n_points + BLOCK_VALUES


def _table_windows(
    tracks: Sequence[Track],
    columns: slice,
    span: tuple[int, int],
    scaler: Scaler | None,
    dtype: type[np.floating[Any]],
) -> NDArray[Any]:
    """Return the windows of all candidates in ``span`` as strided views of one table."""
    parts = [track.trimmed(*span) for track in tracks[columns] if isinstance(track, GridColumn)]
    table = np.empty((len(parts[0].values), len(parts)), dtype=dtype)
    for place, part in enumerate(parts):
        table[:, place] = _scaled(part.values, columns.start + place, scaler)
    row, item = table.strides
    first = parts[0]
    return as_strided(
        table,
        shape=(span[1] - span[0] + 1, first.n_points, len(parts)),
        strides=(first.hop * row, first.skip * row, item),
        writeable=False,
    )


def _scaled(values: NDArray[np.floating[Any]], column: int, scaler: Scaler | None) -> NDArray[Any]:
    """Scale the values of one column in float64; the same operations as ``Scaler.transform``."""
    if scaler is None:
        return values
    gain = scaler.gain[column]
    wide = values.astype(np.float64, copy=False)
    scaled: Float64 = (wide - scaler.lo[column]) * gain + scaler.low[column]
    return scaled
