"""Writes docs/schemas/: what each command prints with --json.

python tools/make_schemas.py
"""

import json
from pathlib import Path

from pipeline.results import RESULTS, schema

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"


def schema_text(command: str) -> str:
    """The contents of a command's file."""
    return json.dumps(schema(command), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for command in RESULTS:
        (SCHEMAS / f"{command}.json").write_text(schema_text(command), encoding="utf-8")
