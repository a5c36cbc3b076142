"""Lines for a VT100: ASCII, at most 79 columns, so that nothing wraps by itself. Pure."""

from __future__ import annotations

import textwrap
from typing import Any

COLUMNS = 79
"""A VT100 has 80; a letter in the last one leaves the cursor where terminals disagree."""


def plain(text: str) -> str:
    """Printable ASCII: a tty that gets anything else may change its character set."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def wrap(text: str, indent: int = 0) -> list[str]:
    """`text` as lines; those after the first are indented."""
    hanging = " " * indent
    return textwrap.wrap(plain(text), COLUMNS, subsequent_indent=hanging) or [""]


def row(name: str, value: object) -> list[str]:
    """A name and what is known of it."""
    return wrap(f"{name:<14}{value}", 14)


def number(value: Any, unit: str, digits: int = 1) -> str:
    """A figure with its unit; `-` where nothing is known."""
    return "-" if value is None else f"{value:.{digits}f} {unit}"


def yes(value: object) -> str:
    return "yes" if value else "no"


def volts(millivolts: int | None) -> str:
    """`+5.9 V`, or `-` before ring 1 has told."""
    return "-" if millivolts is None else f"{millivolts / 1000:+.1f} V"
