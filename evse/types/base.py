"""How every interface type behaves at the door."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Closed", "DateTime", "Open", "UnsetType"]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A type that refuses fields it does not know."""


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A type that lets unknown fields pass (they are dropped)."""


DateTime = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})\Z",
        description="RFC 3339 date-time",
    ),
]
