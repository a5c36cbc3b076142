"""Says in words what is wrong with params: the field, and the nearest name that would do.

Pure. Takes what the decoder says of a value and the type that it should have been.
"""

from __future__ import annotations

import enum
import re
from typing import Any, get_args, get_origin

import msgspec
from msgspec import UnsetType

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]*)`")
_BAD_ENUM = re.compile(r"Invalid enum value '(.*)'", re.DOTALL)
_NAMED_FIELD = re.compile(r" field `([^`]*)`")
_AT = " - at `$"
_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")
MOST_WORDS = 30
"""Of a list of what is known; longer ones help nobody."""


def explain(error: str, type_: Any, at: str = "") -> tuple[str, str]:
    """(sentence, field): `error` of the decoder of `type_`, whose value stands at `at`."""
    says, _, path = error.partition(_AT)
    path = path.rstrip("`")
    named = _NAMED_FIELD.search(says)
    steps = (at, path.lstrip("."), named[1] if named else "")
    field = ".".join(step for step in steps if step).replace(".[", "[") or "params"
    text = says.replace("Object ", f"{at or 'params'} ", 1)
    where = ".".join(step for step in steps[:2] if step).replace(".[", "[")
    return f"{text}{f' in `{where}`' if path else ''}{_hint(says, path, type_)}", field


def _hint(says: str, path: str, type_: Any) -> str:
    from evse.config.read import nearest  # for a slip alone: every client would load it

    reached = _follow(type_, path)
    if found := _UNKNOWN_FIELD.search(says):
        names = _field_names(reached)
        return nearest(found[1], names) if names else ""
    found = _BAD_ENUM.search(says)
    if found and isinstance(reached, type) and issubclass(reached, enum.Enum):
        return nearest(found[1], [str(member.value) for member in reached][:MOST_WORDS])
    return ""


def _follow(type_: Any, path: str) -> Any:
    """The type at `path`, such as `.request.id_tag` or `.evses[0]`; None where it is lost."""
    reached = _bare(type_)
    for step in _STEP.finditer(path):
        if step[1] is None:
            inner = get_args(reached)
            reached = _bare(inner[0]) if inner else None
        else:
            reached = _field_type(reached, step[1])
    return reached


def _field_type(type_: Any, name: str) -> Any:
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return None
    for field in msgspec.structs.fields(type_):
        if field.encode_name == name:
            return _bare(field.type)
    return None


def _field_names(type_: Any) -> list[str]:
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return []
    return [field.encode_name for field in msgspec.structs.fields(type_)]


def _bare(type_: Any) -> Any:
    """Without limits, and without `| UnsetType` or `| None`."""
    while get_args(type_) and get_origin(type_) not in (tuple, dict, list):
        others = [arg for arg in get_args(type_) if arg not in (UnsetType, type(None))]
        type_ = others[0]
    return type_
