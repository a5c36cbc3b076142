"""From what a reader read to a token: spelled one way, and told once for each presentation.

Pure. A card that stays on its reader is read again and again, and readers without a notion of
presence repeat themselves: whatever is seen again before it was away for `gone_ms` is still the
same presentation. People present a few tokens a minute: what comes faster is noise, or somebody who
tries codes.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

import msgspec

from drivers.rfid.events import ReaderEvent, Refused, Token
from evse.types.authorization import IdTokenType

RANDOM_FIRST_BYTE = 0x08
"""First byte of a single-size UID that is drawn anew for each presentation (NXP AN10927, 2.1, of
ISO/IEC 14443-3)."""
SINGLE_SIZE = 4
UID_LENGTHS = {IdTokenType.ISO14443: (4, 7, 10), IdTokenType.ISO15693: (8,)}
"""Bytes of a UID: single, double and triple size; ISO/IEC 15693-3 has one size."""
OTHER_LENGTHS = tuple(range(1, 19))
"""What 36 characters hold."""
MAX_HELD = 8
"""Cards that are told apart while they are held; of more the oldest is forgotten."""
BURST_MS = 30_000
"""Within which at most TokenRules.burst presentations are told."""
SHOWN_CHARACTERS = 24
"""How much of what can not be read is repeated for whoever watches."""

FLOOD = "Tokens come faster than people present them: those beyond 10 in 30 s are not heard."
_RANDOM = "a random UID"
_UNREADABLE = "something unreadable"
_SEPARATORS = str.maketrans("", "", " \t:.-")
_CODE = re.compile(r"[!-~]{1,36}")


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """How what is read becomes a token."""

    type: IdTokenType = IdTokenType.ISO14443
    format: Literal["hex", "decimal", "text"] = "hex"
    """Of readers that print what they read. `text` is taken as it is: codes that are typed."""
    uid_bytes: int = 4
    """Length of a UID that is printed as a decimal number."""
    reversed: bool = False
    """The reader gives the last byte of a UID first."""
    allow_random: bool = False
    """Take UIDs that are another one each time, as phones have."""
    gone_ms: int = 1_500
    """So long away from the reader, and it is another presentation."""
    burst: int = 10
    """Presentations that are told within BURST_MS."""


class Presentations:
    """Decides what is told of that which one reader reads."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._seen_ms: dict[str, int] = {}
        """When what is held was last seen; the latest last."""
        self._paused_ms: int | None = None
        self._told_ms: deque[int] = deque(maxlen=rules.burst)
        self._flood_ms: int | None = None
        """When it was last told that too much comes."""

    def pause(self, now_ms: int) -> None:
        """The reader is gone: from now on nobody can know whether a card is still held."""
        if self._paused_ms is None:
            self._paused_ms = now_ms

    def resume(self, now_ms: int) -> None:
        """It is back: a card that was held when it went, and still is, is no new presentation."""
        if self._paused_ms is not None:
            away_ms = now_ms - self._paused_ms
            self._seen_ms = {key: at_ms + away_ms for key, at_ms in self._seen_ms.items()}
        self._paused_ms = None

    def uid(self, uid: bytes, now_ms: int) -> list[ReaderEvent]:
        """A UID, in the order in which the reader gave it."""
        ordered = uid[::-1] if self._rules.reversed else uid
        is_random = len(ordered) == SINGLE_SIZE and ordered[0] == RANDOM_FIRST_BYTE
        is_random &= self._rules.type is IdTokenType.ISO14443
        # each time that the field comes on it is another one: all of them are one presentation
        if self._is_held(_RANDOM if is_random else ordered.hex(), now_ms):
            return []
        if is_random and not self._rules.allow_random:
            return self._tell(
                Refused(
                    "A phone or card with a random UID was held to the reader: it is another one "
                    "each time and tells nobody apart. Use a card or tag.",
                    _spelled(ordered),
                ),
                now_ms,
            )
        allowed = UID_LENGTHS.get(self._rules.type, OTHER_LENGTHS)
        if len(ordered) not in allowed:
            lengths = "1 to 18" if allowed is OTHER_LENGTHS else " or ".join(map(str, allowed))
            return self._tell(
                Refused(
                    f"A UID of {len(ordered)} bytes was read; one of {self._rules.type.value} has "
                    f"{lengths}. Check format and token_type.",
                    _spelled(ordered),
                ),
                now_ms,
            )
        return self._tell(Token(_spelled(ordered), self._rules.type), now_ms)

    def line(self, text: str, now_ms: int) -> list[ReaderEvent]:
        """A line that a reader printed, without its end."""
        if self._rules.format == "text":
            return self._code(text.strip(), now_ms)
        digits = text.translate(_SEPARATORS)
        try:
            uid = self._hex(digits) if self._rules.format == "hex" else self._decimal(digits)
        except (ValueError, OverflowError):
            return self.unreadable(text, f"no {self._what}: check format", now_ms)
        return self.uid(uid, now_ms)

    def unreadable(self, text: str, says: str, now_ms: int) -> list[ReaderEvent]:
        """Something came that can not be a token; `says` completes a sentence about it."""
        if self._is_held(_UNREADABLE, now_ms):
            return []
        shown = ascii(text[:SHOWN_CHARACTERS])
        return self._tell(Refused(f"The reader sent what is {says}.", shown), now_ms)

    @property
    def _what(self) -> str:
        if self._rules.format == "hex":
            return "UID in hexadecimal"
        return f"decimal number of {self._rules.uid_bytes} bytes"

    def _code(self, text: str, now_ms: int) -> list[ReaderEvent]:
        if _CODE.fullmatch(text):
            held = self._is_held(text, now_ms)
            return [] if held else self._tell(Token(text, self._rules.type), now_ms)
        # never repeated: it may be somebody's code but for a slip
        says = "A code must have 1 to 36 printable characters and no space."
        return self._tell(Refused(says), now_ms)

    def _tell(self, event: Token | Refused, now_ms: int) -> list[ReaderEvent]:
        """Tell it, unless too much was told lately."""
        full = len(self._told_ms) == self._rules.burst
        if not full or now_ms - self._told_ms[0] >= BURST_MS:
            self._told_ms.append(now_ms)
            return [event]
        if self._flood_ms is not None and now_ms - self._flood_ms < BURST_MS:
            return []
        self._flood_ms = now_ms
        return [Refused(FLOOD)]

    @staticmethod
    def _hex(digits: str) -> bytes:
        uid = bytes.fromhex(digits.removeprefix("0x").removeprefix("0X"))
        if not uid:
            raise ValueError("nothing")
        return uid

    def _decimal(self, digits: str) -> bytes:
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 2 * SHOWN_CHARACTERS):
            raise ValueError("no number")
        return int(digits).to_bytes(self._rules.uid_bytes, "big")

    def _is_held(self, key: str, now_ms: int) -> bool:
        """Seen now; was it there all the time?"""
        last_ms = self._seen_ms.pop(key, None)
        self._seen_ms[key] = now_ms
        if len(self._seen_ms) > MAX_HELD:
            del self._seen_ms[next(iter(self._seen_ms))]
        return last_ms is not None and now_ms - last_ms < self._rules.gone_ms


def _spelled(uid: bytes) -> str:
    return uid.hex().upper()
