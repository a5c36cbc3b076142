"""What is mutated, which tests judge it, and which survivors are known, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

HERE = Path(__file__).parent
LEAST_KILLED = 0.90


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source file."""

    path: str
    tests: tuple[str, ...]
    """Judge every mutant."""
    then: tuple[str, ...] = ()
    """Slow ones, which judge only what the first have let live."""


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mutants that are not made: those whose names begin so."""

    begins: str
    reason: str


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    module: tuple[Module, ...]
    left_out: tuple[LeftOut, ...] = ()


class Survivor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant that no test can or need kill."""

    mutant: str
    reason: str


class _Survivors(msgspec.Struct, forbid_unknown_fields=True):
    survivor: tuple[Survivor, ...] = ()


class Complaints(NamedTuple):
    """Why a run is not good enough."""

    unexplained: list[str]
    """Survivors without a reason."""
    outdated: list[str]
    """Reasons for what is killed, or not there any more."""


def load_scope() -> Scope:
    """Raises msgspec.ValidationError where scope.toml says something unknown."""
    return msgspec.toml.decode((HERE / "scope.toml").read_bytes(), type=Scope)


def load_survivors() -> dict[str, str]:
    """Name of the mutant -> reason. Raises ValueError for a row without one or a name twice."""
    data = (HERE / "survivors.toml").read_bytes()
    rows = msgspec.toml.decode(data, type=_Survivors).survivor
    known = {row.mutant: row.reason for row in rows}
    if len(known) != len(rows) or not all(known.values()):
        raise ValueError("survivors.toml: a mutant twice, or one without a reason")
    return known


def complaints(survived: set[str], known: dict[str, str], paths: set[str]) -> Complaints:
    """`paths` were judged; what is known of other files is not looked at."""
    ours = {name for name in known if name.partition(" ")[0] in paths}
    return Complaints(sorted(survived - ours), sorted(ours - survived))
