"""Payloads that a JSON schema of OCPP allows, as hypothesis strategies: whatever a back office may
send without being wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from ocpp_link.rpc.schemas import _package_folder

MAX_ITEMS = 3
TIMES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
)
WORDS = st.sampled_from(["A", "1", "true", "60", "Energy.Active.Import.Register", "0", "x" * 20])

Schema = dict[str, Any]


@cache
def actions(version: str) -> tuple[str, ...]:
    """Every action of a version by its name."""
    ends = ".json" if version == "v16" else "Request.json"
    folder = _package_folder() / version / "schemas"
    names = {path.name.removesuffix(ends) for path in folder.glob(f"*{ends}")}
    return tuple(sorted(name for name in names if not name.endswith("Response")))


@cache
def payloads(version: str, action: str) -> st.SearchStrategy[Any]:
    """What the schema of the request allows."""
    name = action if version == "v16" else f"{action}Request"
    path = _package_folder() / version / "schemas" / f"{name}.json"
    schema: Schema = msgspec.json.decode(path.read_bytes())
    return _strategy(schema, schema.get("definitions", {}))


def _strategy(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _strategy(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(schema, definitions)
        case "array":
            low = schema.get("minItems", 0)
            high = min(schema.get("maxItems", MAX_ITEMS), low + MAX_ITEMS)
            return st.lists(
                _strategy(schema["items"], definitions), min_size=low, max_size=max(low, high)
            )
        case "integer":
            return st.integers(0, 5) | st.integers(-(2**31), 2**31 - 1)
        case "number":
            return st.integers(0, 500).map(lambda tenths: tenths / 10)
        case "boolean":
            return st.booleans()
        case _:
            return _text(schema)


def _object(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    required = set(schema.get("required", ()))
    fields = {
        name: _strategy(part, definitions)
        for name, part in schema.get("properties", {}).items()
        if name != "customData"
    }
    return st.fixed_dictionaries(
        {name: part for name, part in fields.items() if name in required},
        optional={name: part for name, part in fields.items() if name not in required},
    )


def _text(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return TIMES
    longest = min(schema.get("maxLength", 40), 40)
    words = WORDS.filter(lambda word: len(word) <= longest)
    return words | st.text(max_size=longest)
