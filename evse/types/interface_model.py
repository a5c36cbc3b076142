"""What a published interface consists of."""

from __future__ import annotations

from typing import Any

import msgspec


class Variable(msgspec.Struct, frozen=True):
    """A stream of values to whoever subscribes."""

    name: str
    type: Any
    says: str


class Argument(msgspec.Struct, frozen=True):
    """A required argument of a command."""

    name: str
    type: Any


class Command(msgspec.Struct, frozen=True):
    """A call with named arguments; a result of None is void."""

    name: str
    says: str
    arguments: tuple[Argument, ...] = ()
    result: Any = None


class Interface(msgspec.Struct, frozen=True):
    name: str
    says: str
    variables: tuple[Variable, ...]
    commands: tuple[Command, ...]


def page(name: str, says: str, *members: Variable | Command) -> Interface:
    """An interface of its members, in their order."""
    return Interface(
        name,
        says,
        tuple(member for member in members if isinstance(member, Variable)),
        tuple(member for member in members if isinstance(member, Command)),
    )
