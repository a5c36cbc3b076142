"""What a reader tells, and the small port that every kind of reader fills."""

from __future__ import annotations

from typing import Protocol

import msgspec

from evse.types.authorization import IdTokenType


class Token(msgspec.Struct, frozen=True):
    """Somebody presented a token. Told once for each presentation, however long it is held."""

    value: str
    """1 to 36 printable ASCII characters; of a UID, upper-case hexadecimal."""
    type: IdTokenType


class Refused(msgspec.Struct, frozen=True):
    """Something was presented that is no token here; told once for each presentation."""

    says: str
    """A whole sentence, without what was read: it may be logged."""
    read: str = ""
    """What was read, for whoever watches: it may be somebody's card."""


class Lost(msgspec.Struct, frozen=True):
    """The reader can not be used for now. It is looked for until it is back."""

    why: str
    """A clause whose subject is the reader: `gives no answer`."""
    hint: str
    """What to look at, as sentences."""


class Back(msgspec.Struct, frozen=True):
    """The reader can be used, at the start or again."""

    says: str
    """A clause whose subject is the reader: `answers: PN532, firmware 1.6`."""


ReaderEvent = Token | Refused | Lost | Back


class Dialect(Protocol):
    """What one kind of reader speaks, without its wire and without a clock.

    Its memory is bounded, and no bytes make it raise. Times are whole milliseconds of one
    monotonic clock.
    """

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` has something to do; None: not before more is received."""

    def opened(self, now_ms: int) -> list[ReaderEvent]:
        """The wire is there, anew."""

    def closed(self, now_ms: int) -> None:
        """The wire is gone."""

    def received(self, data: bytes, now_ms: int) -> list[ReaderEvent]: ...
    def poll(self, now_ms: int) -> list[ReaderEvent]: ...
    def take_output(self) -> bytes:
        """What is to be written now; each byte is handed out once."""
