"""What a console needs of the world, and what it answers."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec


class Door(Protocol):
    """The station, asked and answered. Both raise RpcError or OSError."""

    def ask(self, method: str, params: dict[str, Any]) -> Any: ...

    def events(self, from_seq: int, count: int) -> list[dict[str, Any]]:
        """Up to `count` journal records {seq, evse, value} from `from_seq` on."""


class Gate(Protocol):
    """What stands before everything that changes something."""

    def refusal(self, pin: str) -> str:
        """Empty when the PIN opens."""

    def now_ms(self) -> int: ...


class Reply(msgspec.Struct, frozen=True):
    """What to print, and what the terminal is to do next."""

    lines: list[str]
    then: str = ""
    """`watch`, `quit`, or `pin` to ask for one unseen; empty = the next prompt."""


class Refused(ValueError):
    """What was typed can not be done; the text says why."""


def whole(word: str, name: str) -> int:
    """A number that was typed. Raises Refused."""
    if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) > 0):
        raise Refused(f"{name} is a whole number from 1 up, not {word[:20]!r}")
    return int(word)


def evses(door: Door, words: list[str]) -> list[int]:
    """The EVSE that was named, or all. Raises Refused."""
    if len(words) > 1:
        raise Refused("one EVSE number at most")
    if words:
        return [whole(words[0], "EVSE")]
    return [int(row["evse"]) for row in door.ask("sys.state", {})["evses"]]
