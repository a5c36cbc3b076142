"""Which OCPP versions to offer in a handshake. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ocpp_link.wire.failure import Failure, Phase

ATTEMPTS_AS_LIST = 3
"""Refused handshakes after which the versions are offered singly: real servers choke on a list."""
VERSION_STATUSES = frozenset({0, 400, 426, 500})
"""HTTP answers, none among them, of servers that choke; others are about identity, key or path, or
come from a proxy, and say nothing of versions."""


def is_about_versions(failure: Failure) -> bool:
    """May another offer help?"""
    if failure.phase is Phase.SUBPROTOCOL:
        return True
    return failure.phase is Phase.HTTP and failure.status in VERSION_STATUSES


class Offers:
    """What goes into Sec-WebSocket-Protocol, in order of preference (OCPP-J 1.6 §3.1.2).

    The list first; once that has been refused often enough, each version alone in turn, and then
    the list again. Where only a single one was agreed to, the next connection begins with the list
    once more, so that no passing trouble leaves a station with the version it likes least; but one
    refusal is enough then.
    """

    def __init__(self, versions: Sequence[str]) -> None:
        """`versions` are subprotocol names, such as `ocpp1.6`, the preferred one first."""
        if not versions:
            raise ValueError("no OCPP version to offer")
        self._versions = tuple(versions)
        self._begin(self._versions, ATTEMPTS_AS_LIST)

    @property
    def now(self) -> tuple[str, ...]:
        """What to offer in the next handshake."""
        return self._turns[0]

    def refused(self) -> None:
        """The server answered the handshake, and did not agree."""
        del self._turns[0]
        if not self._turns:
            self._begin(self._versions, ATTEMPTS_AS_LIST)

    def agreed(self) -> None:
        """The server chose from what was offered."""
        chosen = self._turns[0]
        if chosen == self._versions:
            self._begin(self._versions, ATTEMPTS_AS_LIST)
        else:
            rest = [version for version in self._versions if version not in chosen]
            self._begin((*chosen, *rest), 1)

    def _begin(self, singly: Sequence[str], as_list: int) -> None:
        self._turns = [self._versions] * as_list + [(version,) for version in singly]
