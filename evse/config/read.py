"""Strict reading of TOML tables into structs, with every mistake of the file in one report.

Pure. The types of the structs say what is allowed; nothing is coerced except a whole number
where a float is wanted. What is not known is refused, because a misspelt limit that is silently
ignored is a limit that does not hold.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect as kinds

T = TypeVar("T", bound=msgspec.Struct)

SHOWN_CHARACTERS = 60
"""How much of a wrong value a message repeats."""


class ConfigError(ValueError):
    """A configuration file that cannot be used; `problems` has one sentence for each mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Invalid:
    """Stands for a value that has been reported as wrong."""


INVALID = Invalid()


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean x?` for a misspelt `word`, else the list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word[:100], names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(names)}"


def shown(value: object) -> str:
    """`value` as a person wrote it, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number beyond 64 bits"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


class Reader:
    """Reads one file's tables; collects `problems` instead of stopping at the first."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[str] = []

    def report(self, where: str, sentence: str) -> Invalid:
        place = f"[{where}] " if where else ""
        self.problems.append(f"{self._file}: {place}{sentence}")
        return INVALID

    def table(self, cls: type[T], values: Mapping[str, object], where: str = "") -> T | None:
        """`values` as a `cls`, or None after at least one report."""
        return cast(T | None, self._struct(_kind_of(cls), values, where))

    def _struct(self, kind: kinds.StructType, values: Mapping[str, object], where: str) -> object:
        fields = {field.encode_name: field for field in kind.fields}
        before = len(self.problems)
        for key in values.keys() - fields.keys():
            self.report(where, f"{shown_key(key)} is not known{nearest(key, fields)}")
        read: dict[str, Any] = {}
        for key, field in fields.items():
            if key in values:
                read[field.name] = self._value(field.type, values[key], where, key)
            elif field.required:
                self.report(where, f"{key} is missing")
        return kind.cls(**read) if len(self.problems) == before else None

    def _value(self, kind: kinds.Type, value: object, where: str, key: str) -> object:
        kind = _plain(kind)
        if isinstance(kind, kinds.StructType):
            if not isinstance(value, dict):
                return self.report(where, f"{key} must be a table, not {shown(value)}")
            return self._struct(kind, value, f"{where}.{key}" if where else key)
        if isinstance(kind, kinds.VarTupleType):
            return self._array(kind, value, where, key)
        if isinstance(kind, kinds.DictType):
            return self._dict(kind, value, where, key)
        return self._leaf(kind, value, where, key)

    def _array(self, kind: kinds.VarTupleType, value: object, where: str, key: str) -> object:
        low, high = kind.min_length or 0, kind.max_length or 1_000
        if not isinstance(value, list):
            return self.report(where, f"{key} must be an array, not {shown(value)}")
        if not low <= len(value) <= high:
            return self.report(where, f"{key} has {len(value)} entries; allowed: {low} to {high}")
        item = kind.item_type
        if isinstance(item, kinds.StructType):
            if not all(isinstance(entry, dict) for entry in value):
                return self.report(where, f"{key} must be tables: [[{key}]]")
            return tuple(
                self._struct(item, entry, f"{key} {number}")
                for number, entry in enumerate(value, start=1)
            )
        return tuple(
            self._value(item, entry, where, f"{key}[{number}]")
            for number, entry in enumerate(value, start=1)
        )

    def _dict(self, kind: kinds.DictType, value: object, where: str, key: str) -> object:
        if not isinstance(value, dict):
            return self.report(where, f"{key} must be a table, not {shown(value)}")
        inner = f"{where}.{key}" if where else key
        return {
            name: self._value(kind.value_type, entry, inner, shown_key(name))
            for name, entry in value.items()
        }

    def _leaf(self, kind: kinds.Type, value: object, where: str, key: str) -> object:
        if not _allows(kind, value):
            return self.report(where, f"{key} = {shown(value)} must be {_wanted(kind)}")
        return float(cast(float, value)) if isinstance(kind, kinds.FloatType) else value


@functools.cache
def _kind_of(cls: type) -> kinds.StructType:
    """With all tables in it: working it out anew for each of them would cost a start 15 ms."""
    return cast(kinds.StructType, kinds.type_info(cls))


def shown_key(key: str) -> str:
    """A key as it can stand in a sentence, also when it is quoted or very long in the file."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", key) else shown(key)


def _plain(kind: kinds.Type) -> kinds.Type:
    """`kind` without `| None` (TOML has no null: absent is absent)."""
    if isinstance(kind, kinds.UnionType):
        (kind,) = (one for one in kind.types if not isinstance(one, kinds.NoneType))
    return kind


def _allows(kind: kinds.Type, value: object) -> bool:
    if isinstance(kind, kinds.Metadata):
        return _allows(kind.type, value)
    if isinstance(kind, kinds.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, kinds.StrType):
        return isinstance(value, str) and _fits(kind, value)
    if isinstance(kind, kinds.LiteralType):
        return any(type(value) is type(one) and value == one for one in kind.values)
    if isinstance(kind, kinds.IntType):
        return type(value) is int and _in_range(kind, value)
    if isinstance(kind, kinds.FloatType):
        return type(value) in (int, float) and _in_range(kind, cast(float, value))
    raise TypeError(f"no reading of {kind} from a configuration file")


def _fits(kind: kinds.StrType, value: str) -> bool:
    longest = kind.max_length if kind.max_length is not None else 1_000
    return len(value) <= longest and (
        kind.pattern is None or re.fullmatch(kind.pattern, value) is not None
    )


def _in_range(kind: kinds.IntType | kinds.FloatType, value: float) -> bool:
    low = -math.inf if kind.ge is None else kind.ge
    high = math.inf if kind.le is None else kind.le
    return low <= value <= high


def _wanted(kind: kinds.Type) -> str:
    if isinstance(kind, kinds.Metadata):
        return str((kind.extra_json_schema or {}).get("description") or _wanted(kind.type))
    if isinstance(kind, kinds.BoolType):
        return "true or false"
    if isinstance(kind, kinds.LiteralType):
        return "one of " + ", ".join(shown(one) for one in kind.values)
    if isinstance(kind, kinds.IntType):
        return f"a whole number from {kind.ge} to {kind.le}"
    if isinstance(kind, kinds.FloatType):
        return f"a number from {kind.ge} to {kind.le}"
    return "text"
