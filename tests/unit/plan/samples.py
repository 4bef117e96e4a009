"""The plans that tests begin with, and the ways to change one."""

from __future__ import annotations

from pathlib import Path

import config.plan.samples
from config.plan import CompiledCampaign, CompiledPlan, Plan, check_sources, compile_plan

SAMPLES = Path(next(iter(config.plan.samples.__path__)))
REFERENCE = (SAMPLES / "reference.yaml").read_text()

#: A lead that every buyer of the reference plan may take.
CALIFORNIAN = {"state": "CA", "owns_home": "true", "monthly_bill": "220"}
OHIOAN = {"state": "OH", "owns_home": "true", "monthly_bill": "90"}


def changed(*changes: tuple[str, str]) -> str:
    """Return the reference plan's text with the first occurrence of each old text replaced by the new one."""
    text = REFERENCE
    for old, new in changes:
        assert old in text, f"the reference plan has no {old!r}"
        text = text.replace(old, new, 1)
    return text


def plan(*changes: tuple[str, str]) -> Plan:
    """Return the checked reference plan, changed."""
    return check_sources({"plan.yaml": changed(*changes)})


def compiled(*changes: tuple[str, str]) -> CompiledPlan:
    """Return the compiled reference plan, changed, as version 1."""
    return compile_plan(plan(*changes), 1)


def solar(*changes: tuple[str, str]) -> CompiledCampaign:
    """Return the campaign of the reference plan, changed."""
    return compiled(*changes).campaigns["solar-us"]


def accepting(accept: str) -> CompiledCampaign:
    """Return the campaign of the reference plan, in which sunco accepts what this short form says."""
    return solar(("{state: [AZ, CA, NV], grade: [A, B]}", accept))
