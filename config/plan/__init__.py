"""The distribution plan: what people write, checked as a whole, and made ready for deciding.

    plan = load_plan("plan.yaml")              a file or a folder -> Plan, or PlanProblems with all that is wrong
    plan = check_sources({"plan.yaml": text})  the same from texts (file name -> text); read_files(path) gives them
    text = to_json(plan); from_json(text)      what travels in PlanVersion.plan_json; plan_hash(plan) is its hash
    compiled = compile_plan(plan, version)     CompiledPlan: .version .hash .currency .campaigns .buyer_ids
                                               .has_supplier(id) .supplier_terms(supplier_id, campaign_id)
                                               .buyer_terms(buyer_id, applied_at) -> BuyerSettings
    compiled.campaigns[id]                     CompiledCampaign: .id .fields .dedupe .sell_within_ms .rights .method
                                               .contracts .private_fields .score(values) .eligible(values, grade)
    campaign.eligible(values, grade)           CompiledContract, in plan order: .contract_id .buyer_id .campaign_id
                                               .priority .weight .terms .fields .price(values, grade)
                                               .accepts(values, grade) .first_failing(values, grade)

    diff(old, new) -> PlanDiff                 .changes (in words) .buyers (to be told) .removed .refused .widened
    unnamed(diff.removed, retire)              the removals that `--retire` does not name
    succeed(old, new) -> Plan                  the new plan with the ids that are gone for good: publish this one
    read_lead(campaign, values) -> Reading     points, grade, and what every contract says, for explanation
    plan_schema()                              a JSON Schema of the YAML, for editors

`values` are canonical strings by field name (a slip's `attributes` and `private` joined). The settings of a buyer
have the fields of the `BuyerTerms` record: `msgspec.convert(settings, BuyerTerms, from_attributes=True)`.
"""

from config.plan.canonical import from_json, plan_hash, to_json
from config.plan.changes import Change
from config.plan.check import check_sources, load_plan
from config.plan.compiled import (
    CompiledCampaign,
    CompiledContract,
    CompiledPlan,
    Verdict,
    compile_plan,
)
from config.plan.conditions import Failing
from config.plan.diff import PlanDiff, diff
from config.plan.explain import Answer, Reading, read_lead
from config.plan.json_schema import plan_schema
from config.plan.model import CapSetting, DedupeRule, FieldRule, OpenHour, Plan, SupplierTerms
from config.plan.problems import PlanProblems, Problem
from config.plan.reading import read_files
from config.plan.settings import BuyerSettings, ContractSettings
from config.plan.succession import Removal, succeed, unnamed

__all__ = [
    "Answer",
    "BuyerSettings",
    "CapSetting",
    "Change",
    "CompiledCampaign",
    "CompiledContract",
    "CompiledPlan",
    "ContractSettings",
    "DedupeRule",
    "Failing",
    "FieldRule",
    "OpenHour",
    "Plan",
    "PlanDiff",
    "PlanProblems",
    "Problem",
    "Reading",
    "Removal",
    "SupplierTerms",
    "Verdict",
    "check_sources",
    "compile_plan",
    "diff",
    "from_json",
    "load_plan",
    "plan_hash",
    "plan_schema",
    "read_files",
    "read_lead",
    "succeed",
    "to_json",
    "unnamed",
]
