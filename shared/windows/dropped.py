"""Which reference times became samples, and why the others did not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self

import numpy as np
from pydantic import JsonValue, TypeAdapter

from shared.contracts.specs import Role
from shared.series.grid import ReferenceGrid
from shared.series.resample import Code, Codes
from shared.windows.plan import WindowRule

DropReason = Literal["before_start", "after_end", "missing_value", "gap"]
REASONS: tuple[tuple[Code, DropReason], ...] = (
    (Code.BEFORE_START, "before_start"),
    (Code.AFTER_END, "after_end"),
    (Code.MISSING_VALUE, "missing_value"),
    (Code.GAP, "gap"),
)


@dataclass(frozen=True)
class Drop:
    """Samples one series was incomplete for, and the reference times of the first and last of them."""

    series: str
    role: Role
    reason: DropReason
    n: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class DroppedWindows:
    """Candidates, samples, and the drops by series and reason.

    A dropped sample counts once for every series whose window is incomplete, under the reason of the
    first point of that window without a value; so the counts may add up to more than are dropped.
    """

    n_candidates: int
    n_windows: int
    drops: tuple[Drop, ...]

    @property
    def n_dropped(self) -> int:
        """Candidates that did not become samples."""
        return self.n_candidates - self.n_windows

    def sentence(self) -> str:
        """Say in one sentence why samples were dropped.

        >>> DroppedWindows(9, 7, (Drop("load", "input", "gap", 2, 0, 1),)).sentence()
        '2 of 9 reference times dropped: input load gap (2)'
        """
        causes = ", ".join(
            f"{d.role} {d.series} {d.reason.replace('_', ' ')} ({d.n})"
            for d in sorted(self.drops, key=lambda d: -d.n)
        )
        return f"{self.n_dropped} of {self.n_candidates} reference times dropped: {causes or 'none'}"

    def to_json(self) -> dict[str, JsonValue]:
        """Return the report as JSON values."""
        return {
            "n_candidates": self.n_candidates,
            "n_windows": self.n_windows,
            "drops": [asdict(drop) for drop in self.drops],
        }

    @classmethod
    def from_json(cls, report: Mapping[str, JsonValue]) -> Self:
        """Return the report that ``to_json`` described."""
        return TypeAdapter(cls).validate_python(report)


def drop_report(rules: Sequence[WindowRule], codes: Sequence[Codes], grid: ReferenceGrid) -> DroppedWindows:
    """Count the incomplete windows of each series by reason.

    Parameters
    ----------
    codes
        Per rule, shape (n_candidates,): 0 for a complete window, else a ``Code``.
    """
    broken = np.zeros(grid.n, dtype=np.bool_)
    drops: list[Drop] = []
    for rule, code in zip(rules, codes, strict=True):
        broken |= code != Code.OK
        for value, reason in REASONS:
            hit = np.flatnonzero(code == value)
            if len(hit):
                first, last = grid.at(hit[[0, -1]]).tolist()
                drops.append(Drop(rule.spec.name, rule.spec.role, reason, len(hit), first, last))
    return DroppedWindows(grid.n, grid.n - int(np.count_nonzero(broken)), tuple(drops))
