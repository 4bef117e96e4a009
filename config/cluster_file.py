"""What a running one-machine cluster says about itself: `cluster.json` in its data folder.

`leadflow up` writes it when all parts are ready, and the settings take their defaults from it, so that commands
in another terminal find the cluster. Form: {"kafka": "127.0.0.1:9092", "redis": "redis://127.0.0.1:6379/0",
"prefix": "", "group": "leadflow", "hash_key_file": "hash.key", "clock_start": ..., ...}; every key may be missing,
keys not named here belong to the cluster alone. A relative `hash_key_file` is looked for beside the file.
"""

from __future__ import annotations

import json
from pathlib import Path

from config.setting_problems import Problem

FILE_NAME = "cluster.json"

#: The keys that are settings as they stand.
KEYS = (
    "kafka",
    "redis",
    "prefix",
    "group",
    "lead_partitions",
    "buyer_partitions",
    "clock_start",
    "clock_anchor_ms",
    "clock_rate",
)

BYTES_MAX = 64 * 1024


def read_cluster_file(data: Path) -> tuple[dict[str, object], list[Problem]]:
    """Return the settings that the folder's cluster supplies ({} if there is none), and what is wrong with them."""
    path = data / FILE_NAME
    try:
        content = json.loads(path.read_bytes()[:BYTES_MAX])
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [_unreadable(path, type(error).__name__)]
    if not isinstance(content, dict):
        return {}, [_unreadable(path, "not a JSON object")]
    values = {key: content[key] for key in KEYS if content.get(key) not in (None, "")}
    return _with_hash_key(values, content.get("hash_key_file"), data)


def _with_hash_key(values: dict[str, object], file: object, data: Path) -> tuple[dict[str, object], list[Problem]]:
    if not isinstance(file, str):
        return values, []
    path = data / file
    try:
        return {**values, "hash_key": path.read_text(encoding="utf-8").strip()}, []
    except (OSError, ValueError) as error:
        return values, [
            Problem("LEADFLOW_HASH_KEY", f"cannot be read from {path} ({type(error).__name__})", "a file with the key")
        ]


def _unreadable(path: Path, why: str) -> Problem:
    return Problem(
        "LEADFLOW_DATA",
        f"has a {path} that cannot be read ({why})",
        "a folder of `leadflow up`; stop that cluster with `leadflow down` and start it again",
    )
