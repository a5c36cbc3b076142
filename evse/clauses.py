"""The clause table: numbers of the standards as data, for tests and for `docs/safety.md`.

No deciding module reads it at run time: code that is judged by a table must not be made from it.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import msgspec


class Clause(msgspec.Struct, frozen=True):
    """Where a number comes from, and whether anybody has checked it."""

    where: str
    """Path of the row in the table, as `timing.lease_ms`."""
    clause: str
    verified: str
    """c: in a public implementation; w: on a public page; own: our decision; m: unverified."""


def load() -> dict[str, Any]:
    """The whole table, as `tomllib` reads it."""
    return tomllib.loads(files("evse").joinpath("clauses.toml").read_text(encoding="utf-8"))


def clauses(table: dict[str, Any] | None = None) -> tuple[Clause, ...]:
    """Every row that names its clause or how it was verified, in the order of the file."""
    found: list[Clause] = []
    _collect(load() if table is None else table, "", "", found)
    return tuple(found)


def unverified(table: dict[str, Any] | None = None) -> tuple[Clause, ...]:
    """The rows from memory of a paid standard: to be checked against a bought copy."""
    return tuple(clause for clause in clauses(table) if clause.verified == "m")


def _collect(node: dict[str, Any], path: str, clause: str, found: list[Clause]) -> None:
    clause = node.get("clause", clause)
    if "verified" in node:
        found.append(Clause(path, clause, node["verified"]))
    for key, value in node.items():
        rows = value if isinstance(value, list) else [value]
        for number, row in enumerate(rows):
            if isinstance(row, dict):
                name = row.get("guard", row.get("state", number)) if value is rows else ""
                _collect(row, ".".join(p for p in (path, key, str(name)) if p), clause, found)
