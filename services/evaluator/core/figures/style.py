"""How figures look: two themes of colours that colour-blind readers tell apart, and nothing global."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from PIL import Image

ThemeName = Literal["light", "dark"]
_DPI = 144
_COLOURS = 64  # lines, bands and the steps between them and the paper


@dataclass(frozen=True)
class Theme:
    """Colours of one page: ``light`` also prints well, ``dark`` is for dark pages."""

    name: ThemeName
    paper: str
    ink: str
    muted: str
    grid: str
    series: tuple[str, ...]  # after Okabe and Ito (2008), in order of use
    ramp: tuple[str, ...]  # from little to much, ascending in lightness contrast with the paper

    def colour(self, index: int) -> str:
        """Return the colour of the index-th line, starting over after the last."""
        return self.series[index % len(self.series)]

    def tint(self, index: int, strength: float) -> tuple[float, float, float]:
        """Return the index-th colour thinned with paper: strength 0 is paper, 1 the colour itself."""
        pairs = zip(to_rgb(self.paper), to_rgb(self.colour(index)), strict=True)
        red, green, blue = ((1.0 - strength) * under + strength * over for under, over in pairs)
        return red, green, blue


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1b1f24",
    muted="#5b6670",
    grid="#dde2e6",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5539", "#5b6670"),
    ramp=("#f3f7fa", "#a9cfe6", "#4a94c4", "#0b5a94", "#062f52"),
)
DARK = Theme(
    name="dark",
    paper="#14181d",
    ink="#e8ecef",
    muted="#9aa6b1",
    grid="#2c343c",
    series=("#56b4e9", "#f0883e", "#2fc79a", "#e59ac4", "#f0c23b", "#9ecbff", "#c8a27e", "#9aa6b1"),
    ramp=("#1b222a", "#17486f", "#1f77b4", "#6fb7e6", "#e3f2fc"),
)
THEMES: dict[ThemeName, Theme] = {"light": LIGHT, "dark": DARK}
LINE_STYLES: tuple[str, ...] = ("-", "--", "-.", ":")  # tells lines apart where colours come round again


def dress(axes: Axes, theme: Theme, *, title: str = "", x: str = "", y: str = "") -> None:
    """Give axes the theme's colours, a quiet frame and their labels."""
    axes.set_facecolor(theme.paper)
    axes.set_title(title, color=theme.ink, fontsize=11, loc="left")
    axes.set_xlabel(x, color=theme.muted, fontsize=9)
    axes.set_ylabel(y, color=theme.muted, fontsize=9)
    axes.tick_params(which="both", colors=theme.muted, labelsize=8, length=3)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set(color=theme.muted, fontsize=8)
    axes.grid(visible=True, color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.grid)


def head(figure: Figure, theme: Theme, text: str) -> None:
    """Write the figure's title over everything else."""
    figure.suptitle(text, color=theme.ink, fontsize=13, x=0.01, ha="left")


def legend(axes: Axes, theme: Theme, *, columns: int = 1) -> None:
    """Explain the lines beside the plot, where it hides none of them."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            frameon=False, fontsize=8, labelcolor=theme.ink, ncols=columns, loc="upper left",
            bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0,
        )  # fmt: skip


def clock_axis(axes: Axes) -> None:
    """Label a time axis with few words: the date once, then hours."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # no types there
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # as above


def day_number(time_ns: int) -> float:
    """Return a time as matplotlib counts it on a time axis: days since 1970."""
    return time_ns / (24 * 3600 * 1e9)


def say_nothing_to_show(axes: Axes, theme: Theme, reason: str) -> None:
    """Write why a panel is empty instead of leaving it blank."""
    axes.text(
        0.5, 0.5, reason, color=theme.muted, fontsize=9, ha="center", va="center", transform=axes.transAxes,
        wrap=True,
    )  # fmt: skip


def to_png(figure: Figure) -> bytes:
    """Return the figure's bytes; the same figure gives the same bytes.

    A plot has few colours: with a palette it takes a third of the bytes and looks the same.
    """
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI, facecolor=figure.get_facecolor())
    with Image.open(drawn) as picture:
        palette = picture.convert("RGB").quantize(
            _COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    palette.save(file, "PNG", optimize=True)  # an eighth less, at 25 ms
    return file.getvalue()


def shortened(names: Sequence[str], limit: int = 28) -> list[str]:
    """Cut names that would push a plot aside.

    >>> shortened(["short", "a name that is much longer than its plot is wide"], 12)
    ['short', 'a name that…']
    """
    return [name if len(name) <= limit else name[: limit - 1].rstrip() + "…" for name in names]
