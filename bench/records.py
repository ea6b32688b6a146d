"""Recorded runs: JSON, written whole or not at all, with the schema that says who can read it."""

import json
from pathlib import Path
from typing import Any


def write(path: Path, schema: int, record: dict[str, Any]) -> None:
    """Write the record in place of what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(json.dumps({"schema": schema, **record}, indent=1) + "\n")
    unfinished.replace(path)


def read(path: Path, schema: int) -> dict[str, Any]:
    """Read what `write` wrote. Raises ValueError where it is of another schema."""
    record: dict[str, Any] = json.loads(path.read_text())
    found = record.pop("schema", None)
    if found != schema:
        raise ValueError(f"{path} has schema {found}; this reads {schema}: measure again")
    return record
