"""How the command line shows a run: one bar per model, then the leaderboard."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.contracts.kinds import REFERENCE_KIND
from shared.contracts.metrics import METRICS
from shared.contracts.problems import Problem
from trainyard.responses import Backtest, Live, RunResults, UploadedFile

_SHOWN = tuple(metric for metric in METRICS if metric.shown)
_MARKS = {"finished": "[green]✓", "failed": "[red]✗", "cancelled": "[yellow]-"}


_FEW = 5  # of what is left out is listed


def show_file(console: Console, file: UploadedFile) -> None:
    """Say what was found in an uploaded file."""
    for series in file.series:
        n, share = series.statistics.get("n"), series.statistics.get("numeric_share")
        findings = _findings(series.quality)
        remark = f"  [yellow]{escape(findings)}[/]" if findings else ""
        console.print(
            f"  {escape(file.file_name)}: [bold]{escape(series.name)}[/], {n} rows, {share} % numeric{remark}"
        )
    if file.series:
        for line in _reading(file.series[0].quality.get("file") or {}):
            console.print(f"    {line}", highlight=False, markup=False)


def _reading(facts: Any) -> Iterator[str]:
    """Say how a file was read, and what of it is no series."""
    time = " + ".join(facts.get("time_columns") or ())
    period = facts.get("period_column")
    yield (
        f"read: time {time!r}"
        + (f" and period {period!r}" if period else "")
        + f" ({facts.get('time_format')}, clock {facts.get('timezone')}), decimal {facts.get('decimal')!r},"
        f" delimiter {facts.get('delimiter')!r}"
    )
    if keys := facts.get("key_columns"):
        yield f"one series per {' and '.join(keys)}"
    skipped = facts.get("skipped") or []
    for column in skipped[:_FEW]:
        name, n_texts = column["column"], len(column.get("values") or ())
        offer = f": {n_texts} values, inputs with --read 'category_columns={name}'" if n_texts else ""
        yield f"left out: column {name!r} ({column['reason']})" + offer
    if len(skipped) > _FEW:
        yield f"left out: {len(skipped) - _FEW} more columns"
    for name, values in (facts.get("categories") or {}).items():
        yield f"categories: column {name!r} is {len(values)} series of 0 and 1 ({', '.join(values)})"
    aside = facts.get("set_aside") or []
    for row in aside[:_FEW]:
        yield f"no data: line {row['line']} {row['cell']!r} ({row['reason']})"
    if len(aside) > _FEW:
        yield f"no data: {len(aside) - _FEW} more lines"


def _findings(quality: dict[str, Any]) -> str:
    """Return the counts of what is not as it should be, in words."""
    names = {
        "duplicates": "doubled stamps",
        "unsorted": "rows out of order",
        "missing": "missing",
        "text": "cells of text",
        "infinite": "numbers too large",
        "gaps": "gaps",
    }
    counts = [(quality.get(key) or {}).get("count", 0) for key in names]
    found = [f"{n} {name}" for n, name in zip(counts, names.values(), strict=True) if n]
    if (differing := quality.get("differing") or {}).get("count"):
        lines = ", ".join(map(str, differing["lines"][:_FEW]))
        more = ", .." if differing["count"] > _FEW else ""
        found[0] += f" ({differing['count']} with another value: line {lines}{more}; the last row holds)"
    if outliers := ((quality.get("outliers") or {}).get("found") or {}).get("count"):
        found.append(f"{outliers} far from the others")
    if sentinels := quality.get("sentinels"):
        numbers = " and ".join(f"{number:g}" for number in sentinels["numbers"])
        found.append(f"{sentinels['found']['count']} cells of {numbers} taken as missing")
    clock = quality.get("clock") or {}
    for key, words in (
        ("assumed", "in the doubled hour, first pass assumed"),
        ("missing", "in the skipped hour"),
    ):
        if n := (clock.get(key) or {}).get("count"):
            found.append(f"{n} {words}")
    if clock.get("interval_end_suspected"):
        found.append("stamps seem to name interval ends (--interval-end says so)")
    return ", ".join(found)


class RunBars:
    """Live bars of one run, fed with its events."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>4.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=False,
        )
        self._tasks: dict[str, TaskID] = {}

    async def follow(self, events: AsyncIterator[Live]) -> Live | None:
        """Draw until the run is finished; return the last event."""
        last = None
        with self._progress:
            async for event in events:
                self._draw(event)
                last = event
        return last

    def _draw(self, event: Live) -> None:
        data = event.data
        match event.type:
            case "dataset.ready":
                self._progress.console.print(
                    f"  data set: {data['n_windows']} windows"
                    f" ({data['n_train']} train, {data['n_validation']} validation, {data['n_test']} test)"
                )
                for finding in data.get("findings") or []:
                    self._progress.console.print(
                        f"  [yellow]{finding['code']}[/]: {escape(finding['message'])}", highlight=False
                    )
                    for suggestion in finding.get("suggestions") or []:
                        self._progress.console.print(f"    {escape(suggestion)}", highlight=False)
            case "run.planned":
                for job in data["jobs"]:
                    self._add(job["job_id"], job["label"])
            case "model.progress" if event.job_id in self._tasks or data.get("trial") is not None:
                self._add(event.job_id or "", data["label"])  # a trial was not planned with the run
                task = self._tasks[event.job_id or ""]
                parts = [data.get("phase") or ""]
                if data.get("epoch"):
                    parts = [f"epoch {data['epoch']}/{data['n_epochs']}"]
                if data.get("val_loss") is not None:
                    parts.append(f"val {data['val_loss']:.4g}")
                if data.get("eta_seconds"):
                    parts.append(f"{data['eta_seconds']:.0f} s left")
                note = ", ".join(part for part in parts if part)
                self._progress.update(task, completed=100 * data["fraction"], note=note)
            case "model.done" if event.job_id:
                self._add(event.job_id, data["label"])  # an average was not planned, but made
                self._end(self._tasks[event.job_id], data)
            case _:
                pass

    def _add(self, job_id: str, label: str) -> None:
        if job_id not in self._tasks:
            self._tasks[job_id] = self._progress.add_task(label, total=100, note="queued")

    def _end(self, task: TaskID, data: dict[str, Any]) -> None:
        seconds = data.get("seconds")
        problem = (data.get("problem") or {}).get("message", "")
        note = f"{_MARKS[data['status']]} {data['status']}[/]"
        note += f" in {seconds:.1f} s" if seconds else ""
        self._progress.update(task, completed=100, note=f"{note} {problem}".strip())
        self._progress.stop_task(task)


def show_leaderboard(console: Console, results: RunResults) -> None:
    """Print all models, best first, with their test scores and their skill against seasonal naive."""
    rows = results.leaderboard.get("rows") or []
    table = Table(title="Leaderboard: ranked on validation, scores on test, in the target's units")
    table.add_column("#", justify="right")
    table.add_column("model")
    for metric in _SHOWN:
        table.add_column(metric.heading, justify="right")
    table.add_column("better than seasonal naive", justify="right")
    for row in rows:
        scores = [_number(row["test"].get(metric.name)) for metric in _SHOWN]
        style = "bold green" if row["rank"] == 1 else "dim" if row["is_baseline"] else ""
        table.add_row(str(row["rank"] or "-"), row["label"], *scores, _skill(row), style=style)
    console.print(table)
    if members := (results.leaderboard.get("ensemble") or {}).get("members"):
        shares = " + ".join(f"{100 * m['weight']:.0f} % {m['label']}" for m in members)
        console.print(f"  Ensemble: {shares}, chosen on validation")
    for row in rows:
        if row.get("reason"):
            console.print(f"  [yellow]{row['label']}: {row['reason']}[/]")


def show_backtest(console: Console, found: Backtest) -> None:
    """Print the cutoffs of a backtest and every model on each of them, best first."""
    metric = found.metric or "rmse"
    table = Table(title=f"Backtest: {metric.upper()} on test after each cutoff, in the target's units")
    table.add_column("#", justify="right")
    table.add_column("model")
    for fold in found.folds:
        table.add_column(f"{fold['cutoff_local'][:16]}\n{fold['n_test']} windows", justify="right")
    table.add_column("mean ± spread", justify="right")
    table.add_column("better than seasonal naive", justify="right")
    for row in found.models:
        by_fold = {fold["fold"]: fold["scores"].get(metric) for fold in row["folds"]}
        scores = [_number(by_fold.get(fold["fold"])) for fold in found.folds]
        spread = f"{_number(row['test'].get(metric))} ± {_number(row['spread'].get(metric))}"
        style = "bold green" if row["rank"] == 1 else "dim" if row["is_baseline"] else ""
        table.add_row(str(row["rank"] or "-"), row["label"], *scores, spread, _skill(row), style=style)
    console.print(table)
    for row in found.models:
        if row.get("reason"):
            console.print(f"  [yellow]{row['label']}: {row['reason']}[/]")
    if found.problem:
        console.print(f"  [red]{found.problem.message}[/]")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _skill(row: dict[str, Any]) -> str:
    skill = row.get("skill")
    if skill is None or row["kind"] == REFERENCE_KIND:
        return ""
    return f"{100 * skill:+.1f} %"


def show_problem(console: Console, problem: Problem) -> None:
    """Print what went wrong and what to do; of a question, how each answer is given."""
    console.print(f"[red bold]{problem.code}[/]: {escape(problem.message)}", highlight=False)
    for suggestion in problem.suggestions:
        console.print(f"  {escape(suggestion)}", highlight=False)
    match problem.details.get("question"):
        case {"option": str(option), "candidates": list(candidates)}:
            for candidate in candidates:
                match candidate:
                    case {"value": value, "means": means}:
                        said = (
                            f"--read {option}={json.dumps(value)}"
                            if isinstance(value, list | bool)
                            else f"--read {option}={value}"
                        )
                        console.print(f"  {said}   {means}", highlight=False, markup=False)
                    case _:
                        pass
        case _:
            pass
