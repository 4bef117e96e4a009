"""Plans for tests: the reference plan, and small ones built from what a test is about."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from config.plan.check import check_sources
from config.plan.compiled import CompiledPlan, compile_plan


@cache
def reference_plan() -> CompiledPlan:
    """Return the reference plan, compiled as version 1."""
    return plan_of(reference_text())


def reference_text() -> str:
    """Return the reference plan as it is written."""
    return files("config.plan.samples").joinpath("reference.yaml").read_text()


def plan_of(text: str, version: int = 1) -> CompiledPlan:
    """Return the plan of a YAML text, compiled."""
    return compile_plan(check_sources({"plan.yaml": text}), version)
