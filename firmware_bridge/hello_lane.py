"""Asking who is there: one session number per attempt at a link, repeated until answered."""

from __future__ import annotations

from collections.abc import Callable

from firmware_bridge.codec import PROTOCOL_VERSION, SCHEMA_HASH
from firmware_bridge.messages import NO_SESSION, HelloRequest
from firmware_bridge.sequence import U32
from firmware_bridge.timing import LinkTiming

UNANSWERED_HELLOS = 3
"""After so many the link says that nobody answers."""


class HelloLane:
    def __init__(self, next_nonce: Callable[[], int], timing: LinkTiming) -> None:
        self._next_nonce = next_nonce
        self._timing = timing
        self._sent_ms = 0
        self._tries = 0
        self._due = False
        self.session = NO_SESSION
        """The number asked for."""

    @property
    def next_deadline_ms(self) -> int:
        return self._sent_ms + self._timing.hello_retry_ms

    @property
    def unanswered(self) -> bool:
        """Has nobody said anything for as many tries as count?"""
        return self._tries > UNANSWERED_HELLOS

    def ask(self, now_ms: int) -> None:
        """Begin anew, under a new number: what the old session left in buffers is void."""
        self.session = self._next_nonce() % U32 or 1
        self._tries = 0
        self._send(now_ms)

    def poll(self, now_ms: int) -> None:
        """Repeat the question when its time is over."""
        if now_ms >= self.next_deadline_ms:
            self._send(now_ms)

    def answered(self, now_ms: int) -> int | None:
        """Somebody answered: the round trip in ms, if it is known which copy was answered."""
        rtt_ms = now_ms - self._sent_ms if self._tries == 1 else None
        self._tries = 0
        self._due = False
        return rtt_ms

    def close(self) -> None:
        """Stop asking; the session number is void."""
        self.session = NO_SESSION
        self._due = False

    def take_due(self) -> HelloRequest | None:
        """The question to put on the wire now, if any; one copy, however late it is taken."""
        if not self._due:
            return None
        self._due = False
        return HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, self.session)

    def _send(self, now_ms: int) -> None:
        self._tries += 1
        self._sent_ms = now_ms
        self._due = True
