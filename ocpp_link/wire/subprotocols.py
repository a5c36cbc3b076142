"""Which OCPP versions to offer in a handshake. Pure."""

from __future__ import annotations

from collections.abc import Sequence

ATTEMPTS_AS_LIST = 3
"""Refused handshakes after which the versions are offered singly: real servers choke on a list."""


class Offers:
    """What goes into Sec-WebSocket-Protocol, in order of preference (OCPP-J 1.6 §3.1.2).

    The list first; once that has been refused often enough, each version alone in turn, and then
    the list again. What a server agreed to is offered again unchanged until it is refused.
    """

    def __init__(
        self, versions: Sequence[str], *, attempts_as_list: int = ATTEMPTS_AS_LIST
    ) -> None:
        """`versions` are subprotocol names, such as `ocpp1.6`, the preferred one first."""
        if not versions:
            raise ValueError("no OCPP version to offer")
        self._versions = tuple(versions)
        self._attempts_as_list = attempts_as_list if len(versions) > 1 else 1
        self._refused = 0

    @property
    def now(self) -> tuple[str, ...]:
        """What to offer in the next handshake."""
        single = self._refused - self._attempts_as_list
        return self._versions if single < 0 else (self._versions[single],)

    def refused(self) -> None:
        """The server answered the handshake, and did not agree."""
        self._refused += 1
        if self._refused >= self._attempts_as_list + len(self._versions):
            self._refused = 0

    def agreed(self) -> None:
        """The server chose from the list: refusals before it do not count."""
        if len(self.now) == len(self._versions):
            self._refused = 0
