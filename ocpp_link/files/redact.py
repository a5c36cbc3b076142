"""What a bundle must not carry: passwords, keys, PINs, and the tokens of people."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_SECRET = re.compile(r"pass(word|phrase)|secret|(^|[_-])key[_-]|key$|pin$|token|id_?tag", re.I)


def redacted(value: Any, name: str = "") -> Any:
    """`value` with every text and number hidden whose name sounds secret, however deep."""
    if isinstance(value, dict):
        return {key: redacted(member, _name(name, str(key))) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(member, name) for member in value]
    nothing = value is None or value == "" or isinstance(value, bool)
    return HIDDEN if _SECRET.search(name) and not nothing else value


def _name(outer: str, inner: str) -> str:
    """What is inside something secret is secret too."""
    return outer if _SECRET.search(outer) else inner
