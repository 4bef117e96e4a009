"""The table of faults: for a terminal, as JSON, and as the part of a page between two marks."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from console.faults.failure import FaultFailed
from console.faults.running import Outcome
from console.page import markdown_table
from console.screen import table

#: The part of a page that holds the table.
MARK = "faults"
HEAD = ("fault", "promised", "observed", "went on after", "verdict")


def went_on(outcome: Outcome) -> str:
    """Return the recovery time in words; a dash where none was measured."""
    return "-" if outcome.recovered_s is None else f"{outcome.recovered_s:.1f} s"


def on_screen(outcomes: Iterable[Outcome]) -> Table:
    """Return the table for a terminal."""
    made = table("fault", "observed", "went on after", "leads", "verdict", right=[2, 3])
    for one in outcomes:
        made.add_row(one.fault, one.observed, went_on(one), f"{one.leads:,}", one.verdict)
    return made


class Figures(NamedTuple):
    """Outcomes of one or more runs, and where and when they were made: `2026-11-26, 2 vCPUs at 2.4 GHz, Linux`."""

    outcomes: list[Outcome]
    made: list[str]


def write_json(file: Path, outcomes: Iterable[Outcome], date: str) -> None:
    """Write all figures, with this machine and the day; see `write_whole`."""
    figures = {"machine": machine(), "date": date, "faults": [one.as_json() for one in outcomes]}
    write_whole(file, json.dumps(figures, indent=2) + "\n")


def write_whole(file: Path, text: str) -> None:
    """Write a file; whoever reads it or ends us finds the old text or the new one, whole. Raises FaultFailed."""
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise FaultFailed(f"the figures cannot be kept in {file}: {error.strerror}") from None


def set_aside(file: Path) -> Path | None:
    """Rename a file of earlier figures, so that new ones do not destroy them; return its new name, if there was one."""
    if not file.exists():
        return None
    return file.replace(file.with_name(f"{file.name}.old"))


def read_json(files: Iterable[Path]) -> Figures:
    """Return the outcomes of earlier runs; of one fault the last one counts. Raises FaultFailed for other files."""
    found: dict[str, Outcome] = {}
    made: dict[str, None] = {}
    for file in files:
        try:
            figures = json.loads(file.read_text(encoding="utf-8"))
            found |= {each["fault"]: Outcome(**each) for each in figures["faults"]}
            made[f"{figures['date']}, {figures['machine']}"] = None
        except (ValueError, KeyError, TypeError) as error:
            what = f"{file} is not what `leadflow faults run --json` writes ({type(error).__name__}: {error})"
            raise FaultFailed(what) from None
    return Figures(list(found.values()), list(made))


def markdown(figures: Figures) -> str:
    """Return the table of a page, with where and when it was made."""
    outcomes = figures.outcomes
    rows = [(f"`{one.fault}`", one.promised, one.observed, went_on(one), one.verdict) for one in outcomes]
    leads = sum(one.leads for one in outcomes)
    return f"{markdown_table(HEAD, rows)}\n\n{'; '.join(figures.made)}; {leads:,} leads in all."


def machine() -> str:
    """Return what to say of this machine: its processors, and their frequency where Linux tells."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            mhz = [float(line.rpartition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    except OSError:
        mhz = []
    speed = f" at {max(mhz) / 1000:.1f} GHz" if mhz else ""
    return f"{os.cpu_count()} vCPUs{speed}, {platform.system()}"
