"""A live view for a slow line: only what changed is sent, in the words of a VT100. Pure.

Assumes at least 24 rows of 80 columns. Cursor addressing, erase to the end of the line and erase
display are all that is asked of the terminal (ECMA-48 CUP, EL, ED).
"""

from __future__ import annotations

from evse.console.layout import COLUMNS, plain

ROWS = 23
"""The last row stays free: writing in its corner scrolls."""
_CLEAR = "\x1b[H\x1b[J"
_ERASE_TO_END = "\x1b[K"
_JOIN = 8
"""Letters that did not change and cost no more to repeat than to jump over."""


class Screen:
    """What the terminal shows, and the bytes that make it show something else."""

    def __init__(self) -> None:
        self._shown: list[str] | None = None

    def draw(self, lines: list[str]) -> str:
        """What to send so that `lines` are seen from the first row on."""
        wanted = [plain(line)[:COLUMNS].rstrip() for line in lines[:ROWS]]
        if self._shown is None:
            self._shown, out = [], _CLEAR
        else:
            out = ""
        shown, self._shown = self._shown, wanted
        for at in range(max(len(shown), len(wanted))):
            old = shown[at] if at < len(shown) else ""
            new = wanted[at] if at < len(wanted) else ""
            out += _change(at + 1, old, new)
        return out

    def leave(self) -> str:
        """Puts the cursor below the view."""
        below = 1 if self._shown is None else len(self._shown) + 1
        return f"\x1b[{below};1H{_ERASE_TO_END}"


def _change(at: int, old: str, new: str) -> str:
    """Turn row `at` from `old` into `new`."""
    padded = old.ljust(len(new))
    out = ""
    for begin, end in _differing(padded[: len(new)], new):
        out += f"\x1b[{at};{begin + 1}H{new[begin:end]}"
    if len(old) > len(new):
        out += f"\x1b[{at};{len(new) + 1}H{_ERASE_TO_END}"
    return out


def _differing(old: str, new: str) -> list[tuple[int, int]]:
    """Half-open stretches that differ; near ones are joined."""
    found: list[tuple[int, int]] = []
    for at, (was, now) in enumerate(zip(old, new, strict=True)):
        if was == now:
            continue
        if found and at - found[-1][1] < _JOIN:
            found[-1] = (found[-1][0], at + 1)
        else:
            found.append((at, at + 1))
    return found
