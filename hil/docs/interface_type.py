"""One type of `docs/interface.md`: its fields, who emits and who accepts it, its golden JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec.inspect as fields_of

from evse.types.seed.table import SHAPES
from hil.docs.interface_types import (
    SEED,
    accepted,
    anchors,
    emitted,
    fields,
    is_closed,
    is_enum,
    plain,
)


def type_section(type_: type[Any], golden: str) -> str:
    """The section of a type."""
    parts = [
        f'<a id="{anchors()[type_]}"></a>\n#### {type_.__name__}',
        *_head(type_),
        *_ways(type_),
    ]
    if is_enum(type_):
        parts.append(" · ".join(f"`{member.value}`" for member in type_))
        return "\n\n".join(parts)
    parts.append("\n".join(_fields(type_)))
    parts.append(
        f"<details><summary>golden JSON</summary>\n\n```json\n{golden.rstrip()}\n```\n\n</details>"
    )
    return "\n\n".join(parts)


def type_text(info: fields_of.Type) -> str:
    """A type as a reader would put it, with a link where it is one of ours."""
    match plain(info)[0]:
        case fields_of.StructType(cls=cls) | fields_of.EnumType(cls=cls):
            return f"[{cls.__name__}](#{anchors()[cls]})"
        case fields_of.VarTupleType(item_type=item):
            return f"array of {type_text(item)}"
        case fields_of.UnionType(types=types):
            return " or ".join(type_text(each) for each in types)
        case fields_of.DictType():
            return "object"
        case other:
            return _PLAIN[type(other)]


_PLAIN: dict[type[fields_of.Type], str] = {
    fields_of.StrType: "string",
    fields_of.IntType: "integer",
    fields_of.FloatType: "number",
    fields_of.BoolType: "boolean",
}


def limits_text(info: fields_of.Type) -> str:
    """Unit, range, length and pattern of a field."""
    bare, said = plain(info)
    parts = [said] if said else []
    match bare:
        case fields_of.IntType(ge=least, le=most) | fields_of.FloatType(ge=least, le=most):
            parts += _range(least, most, "")
        case fields_of.StrType(min_length=least, max_length=most, pattern=pattern):
            parts += _range(least, most, " characters")
            parts += [f"`{pattern}`".replace("|", "\\|")] if pattern and not said else []
        case fields_of.VarTupleType(min_length=least, max_length=most, item_type=item):
            parts += _range(least, most, " items")
            parts += [f"each {each}" for each in [limits_text(item)] if each]
        case _:
            pass
    return ", ".join(parts)


def _range(least: float | None, most: float | None, of: str) -> list[str]:
    match least, most:
        case None, None:
            return []
        case None, _:
            return [f"≤ {most}{of}"]
        case _, None:
            return [f"≥ {least}{of}"]
        case _:
            return [f"{least} to {most}{of}"]


def _head(type_: type[Any]) -> Iterator[str]:
    kind = "enum" if is_enum(type_) else "closed" if is_closed(type_) else "open"
    own = type_.__doc__ if type_.__doc__ and "__doc__" in vars(type_) else ""
    inherited = any(type_.__doc__ == base.__doc__ for base in type_.__mro__[1:])
    said = "" if inherited else " ".join(own.split())
    yield f"*{kind}.* {said}".rstrip()


def _ways(type_: type[Any]) -> Iterator[str]:
    """What is emitted and what is accepted."""
    model = next((model for model, shapes in SHAPES.items() if shapes.seed is type_), None)
    if model is not None:
        yield f"The shape of 2023 of {_link(model)}."
    out, taken = emitted().get(type_, []), accepted().get(type_, [])
    if out:
        yield f"Emitted by {_list(out)}: as below{_older_out(type_)}."
    if taken:
        yield f"Accepted by {_list(taken)}: as below{_older_in(type_)}."
    if anchors()[type_].startswith(SEED):
        yield from () if model else ("Part of a shape of 2023.",)
    elif not out and not taken:
        yield "On no published interface of ours: for drivers and providers."


def _older_out(type_: type[Any]) -> str:
    shapes = SHAPES.get(type_)
    return f"; {shapes.emitted} as {_link(shapes.seed)}" if shapes and shapes.emitted else ""


def _older_in(type_: type[Any]) -> str:
    shapes = SHAPES.get(type_)
    others = [model for model, each in SHAPES.items() if each.seed is type_ and each.accepted]
    others += [shapes.seed] if shapes is not None and shapes.accepted else []
    return "".join(f" or as {_link(other)}" for other in others)


def _link(type_: type[Any]) -> str:
    return f"[{type_.__name__}](#{anchors()[type_]})"


def _list(ways: list[str]) -> str:
    return ", ".join(f"`{way}`" for way in ways)


def _fields(type_: type[Any]) -> Iterator[str]:
    yield "| field | type | required | |"
    yield "|---|---|---|---|"
    for field in fields(type_):
        required = "yes" if field.required else ""
        yield (
            f"| `{field.encode_name}` | {type_text(field.type)} | {required} "
            f"| {limits_text(field.type)} |"
        )
