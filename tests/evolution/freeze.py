"""Write down a release: its schemas by id, and a value of each record as bytes and as JSON.

    python -m tests.evolution.freeze 0.1.0

Run once, when a version is released, and never again for it: what stands here was written somewhere, and must be
read for ever. A schema that changes afterwards takes a new id in `schemas/ids.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from schemas.avro_files import current_ids, self_contained
from schemas.codec import Codec
from tests.support.checkout import ROOT
from tests.unit.schemas.examples import TYPES, filled

GOLDEN = Path(__file__).parent / "golden"
RELEASED = ROOT / "schemas" / "released"


def freeze(version: str) -> None:
    """Write the files of a release."""
    folder = GOLDEN / version
    folder.mkdir(parents=True, exist_ok=True)
    RELEASED.mkdir(exist_ok=True)
    codec = Codec()
    for record in current_ids():
        value = filled(TYPES[record])
        (folder / f"{record}.hex").write_text(codec.encode(value).hex() + "\n")
        (folder / f"{record}.json").write_text(json.dumps(msgspec.to_builtins(value), indent=1, sort_keys=True) + "\n")
    schemas = {str(number): self_contained(record) for record, number in current_ids().items()}
    (RELEASED / f"{version}.json").write_text(json.dumps(schemas, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    freeze(sys.argv[1])
