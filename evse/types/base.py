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
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
        description="RFC 3339 date-time",
    ),
]
