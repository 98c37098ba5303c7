"""What the SDK says about forecasts of the future, and how they are shown."""

from collections.abc import Mapping, Sequence
from csv import DictWriter
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from trainyard.connection import Connection
from trainyard.responses import Forecast, ForecastSummary, Monitoring

Future = Mapping[str, Sequence[float | None] | Mapping[str, float]]


class ForecastCalls(Connection):
    """The part of ``AsyncClient`` that is about forecasts of the future."""

    async def forecast(
        self,
        session_id: str,
        *,
        model: str = "champion",
        run_id: str | None = None,
        at: datetime | None = None,
        as_of: datetime | None = None,
        horizon: float | None = None,
        future: Future | None = None,
        intervals: Sequence[float] = (50, 80, 95),
    ) -> Forecast:
        """Return tomorrow's numbers: from the newest rows, with the champion or the best model.

        ``Forecast.frame()`` is a pandas frame, ``Forecast.table()`` plain rows.

        Parameters
        ----------
        model
            A job id or a label of the run; ``best`` is the winner of the newest good run, ``champion`` that
            of the registry (where nobody was promoted: the best).
        at, as_of
            Look ahead from a moment of the past, with the rows that had arrived by then.
        horizon
            Hours; by default as far as the model reaches.
        future
            Values of inputs known in advance: a list along the template's stamps, or values by stamp.
        intervals
            Levels in percent.

        Raises
        ------
        ApiError
            If rows or values of the future are missing: the problem names series and stamps.
        """
        told = {name: dict(v) if isinstance(v, Mapping) else list(v) for name, v in (future or {}).items()}
        body = {
            "model": model,
            "run_id": run_id,
            "at": at.isoformat() if at else None,
            "as_of": as_of.isoformat() if as_of else None,
            "horizon": horizon,
            "future": told,
            "intervals": list(intervals),
        }
        return Forecast.model_validate(await self._call("POST", f"/forecast/{session_id}", json=body))

    async def extend(
        self,
        file_id: str,
        rows: str | Sequence[Mapping[str, JsonValue]],
        *,
        available_at: datetime | None = None,
        trust_values: bool = False,
    ) -> dict[str, Any]:
        """Add rows to a file: CSV text, or one mapping per row; corrections replace what was there.

        Raises
        ------
        ApiError
            If columns, step or unit are not those of the file: the problem says what differs.
        """
        body: dict[str, Any] = {"csv": rows} if isinstance(rows, str) else {"rows": [dict(r) for r in rows]}
        body |= {
            "available_at": available_at.isoformat() if available_at else None,
            "trust_values": trust_values,
        }
        return await self._call("POST", f"/csv-files/{file_id}/rows", json=body)

    async def forecasts(self, session_id: str, *, limit: int = 100) -> list[ForecastSummary]:
        """Return the session's forecasts, newest first."""
        answer = await self._call("GET", f"/forecasts/{session_id}", params={"limit": limit})
        return [ForecastSummary.model_validate(one) for one in answer["forecasts"]]

    async def schedule(
        self,
        session_id: str,
        *,
        at: str,
        timezone: str,
        action: Literal["forecast", "retrain"] = "forecast",
        day_of_month: int | None = None,
        condition: Literal["always", "skill_below_zero"] = "always",
        model: str = "champion",
        webhook_url: str | None = None,
    ) -> dict[str, Any]:
        """Do something every day (or on a day of the month) at ``at``, HH:MM by a zone's clock.

        The answer's ``secret`` signs webhooks and is told this once.
        """
        body = {
            "at": at,
            "timezone": timezone,
            "action": action,
            "day_of_month": day_of_month,
            "condition": condition,
            "model": model,
            "webhook_url": webhook_url,
        }
        return await self._call("POST", f"/schedules/{session_id}", json=body)

    async def schedules(self, session_id: str) -> dict[str, Any]:
        """Return the session's schedules and what became of their due times, newest first."""
        return await self._call("GET", f"/schedules/{session_id}")

    async def pause_schedule(
        self, session_id: str, schedule_id: str, *, paused: bool = True
    ) -> dict[str, Any]:
        """Pause a schedule, or let it go on with its next due time."""
        return await self._call("PUT", f"/schedules/{session_id}/{schedule_id}", json={"enabled": not paused})

    async def unschedule(self, session_id: str, schedule_id: str) -> None:
        """Remove a schedule."""
        await self._call("DELETE", f"/schedules/{session_id}/{schedule_id}")

    async def monitoring(
        self, session_id: str, *, model: str | None = None, last: int = 30, drift_days: float = 14
    ) -> Monitoring:
        """Return how the last forecasts of each model met their truth, and the drift of its inputs."""
        params: dict[str, Any] = {"last": last, "drift_days": drift_days}
        params |= {"model": model} if model else {}
        return Monitoring.model_validate(
            await self._call("GET", f"/forecasts/{session_id}/monitoring", params=params)
        )

    async def forecast_template(self, session_id: str, *, model: str = "champion") -> dict[str, JsonValue]:
        """Return the stamps and columns a forecast needs that are known in advance."""
        return await self._call("GET", f"/forecast/{session_id}/template", params={"model": model})


def show_forecast(console: Console, found: Forecast) -> None:
    """Print a forecast: one row per step, the widest interval beside the value."""
    for output in found.outputs:
        levels = sorted({i.level for value in output.values for i in value.intervals})
        widest = levels[-1] if levels else None
        table = Table(
            title=f"{output.name}: forecast of {found.model} from {found.reference_time:%Y-%m-%d %H:%M}"
        )
        table.add_column(f"time ({found.timezone})")
        table.add_column("value", justify="right")
        if widest is not None:
            table.add_column(f"{widest:g} % interval", justify="right")
        for value in output.values:
            ends = [i for i in value.intervals if i.level == widest]
            band = [
                f"{i.lower:.4g} .. {i.upper:.4g}" for i in ends if i.lower is not None and i.upper is not None
            ]
            shown = "-" if value.value is None else f"{value.value:.4g}"
            table.add_row(f"{value.time:%Y-%m-%d %H:%M}", shown, *([*band, "-"][:1] if ends else []))
        console.print(table)
    filled = ", ".join(sorted({str(one["series"]) for one in found.filled}))
    if filled:
        console.print(f"  [yellow]{len(found.filled)} values of {filled} were filled[/]")


def show_monitoring(console: Console, found: Monitoring) -> None:
    """Print how forecasts met their truth: one row per model and target, then what has drifted."""
    table = Table(title=f"the last {found.last} forecasts of each model whose truth has arrived")
    for name in ("model", "target", "forecasts", "open", "MAE", "MASE", "skill", "coverage", "alarming"):
        table.add_column(name)
    for model in found.models:
        for target in model.targets:
            shares = [c for c in target.coverage if c.get("share") is not None]
            covered = ", ".join(f"{c['level']:g}: {c['share']:.0%}" for c in shares)
            figures = ["-" if x is None else f"{x:.4g}" for x in (target.mae, target.mase, target.skill)]
            counts = (str(target.n_forecasts), str(model.n_open))
            alerts = ", ".join(target.alerts) or "-"
            table.add_row(model.model, target.name, *counts, *figures, covered or "-", alerts)
        if not model.targets:
            table.add_row(model.model, "-", "0", str(model.n_open), *["-"] * 5)
    console.print(table)
    for model in found.models:
        names = ", ".join(str(one["name"]) for one in model.inputs if one.get("drifted"))
        if names:
            console.print(f"  [yellow]{model.model}: {names} drifted from the training rows[/]")


def plot_forecast(found: Forecast, path: Path) -> Path:
    """Save a picture of a forecast with its intervals; matplotlib must be installed."""
    from matplotlib.figure import Figure  # only pictures need it

    figure = Figure(figsize=(9, 3.2 * len(found.outputs)), layout="constrained")
    axes = figure.subplots(len(found.outputs), squeeze=False)[:, 0]
    for axis, output in zip(axes, found.outputs, strict=True):
        times = [value.time for value in output.values]
        for level in sorted({i.level for v in output.values for i in v.intervals}, reverse=True):
            ends = [next(i for i in v.intervals if i.level == level) for v in output.values]
            if all(i.lower is not None and i.upper is not None for i in ends):
                lower, upper = [i.lower or 0.0 for i in ends], [i.upper or 0.0 for i in ends]
                axis.fill_between(times, lower, upper, alpha=0.2, color="C0", label=f"{level:g} % interval")
        axis.plot(times, [v.value for v in output.values], color="C0", label=f"{found.model}")
        axis.set_title(f"{output.name}: from {found.reference_time:%Y-%m-%d %H:%M} ({found.timezone})")
        axis.legend(loc="best", frameon=False)
        axis.tick_params(axis="x", rotation=30)
    figure.savefig(path, dpi=110)
    return path


def save_forecast(found: Forecast, *, csv: Path | None, plot: Path | None) -> list[Path]:
    """Write a forecast as CSV and as a picture, as far as paths are given; return those written."""
    written = []
    if csv is not None:
        rows = found.table()
        with csv.open("w", newline="", encoding="utf-8") as file:
            writer = DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        written.append(csv)
    if plot is not None:
        written.append(plot_forecast(found, plot))
    return written
