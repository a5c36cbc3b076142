"""The local authorization list: what the back office wants known here (OCPP 1.6 §3.5.2, §5.15).

An update is taken whole or not at all, and is on the disk before it is accepted.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import msgspec

from evse.types.authorization import AuthorizationStatus
from ocpp_link.memory.database import Database
from ocpp_link.records import Verdict
from ocpp_link.station import Station
from ocpp_link.tokens.cache import at_its_time

MAX_ENTRIES = 10_000
"""LocalAuthListMaxLength."""
MAX_UPDATE = 400
"""SendLocalListMaxLength: as many of the longest entries fit into one frame."""
EMPTY = 0
"""GetLocalListVersion of a list without entries (1.6 §5.10)."""
NO_LIST = -1
STORE_WAIT_MS = 10_000
"""A disk that has not taken the update by then refuses it: the answer is due within 30 s."""

ENTRY, VERSION = "listed", "local list"
TIMER = "local_list"


class ListStatus(enum.Enum):
    """What became of an update; the spellings are those of 1.6 (§7.47)."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_SUPPORTED = "NotSupported"
    VERSION_MISMATCH = "VersionMismatch"


class ListEntry(msgspec.Struct, frozen=True):
    token: str
    verdict: Verdict | None
    """None takes the token off the list."""


class ListUpdate(msgspec.Struct, frozen=True):
    version: int
    """Of the list once the update is applied."""
    full: bool
    """The list becomes `entries`; otherwise they change it."""
    entries: tuple[ListEntry, ...] = ()


OnUpdated = Callable[[ListStatus], None]
Listed = dict[str, Verdict]
"""By the token's value in lower case."""


def updated(
    listed: Mapping[str, Verdict], version: int, update: ListUpdate, *, max_chars: int
) -> tuple[ListStatus, Listed]:
    """The status of an update, and the list after it (as it was unless it was accepted). Pure.

    A differential update must be newer than the list, however much; a full one may go back, but
    no version is 0 or less (errata 3.52). Tokens that are too long, or named twice (case does not
    count), and a full list's entry without a verdict spoil the whole update.
    """
    before = dict(listed)
    names = {entry.token.casefold() for entry in update.entries}
    broken = any(
        not 0 < len(entry.token) <= max_chars or (update.full and entry.verdict is None)
        for entry in update.entries
    )
    too_many = len(update.entries) > MAX_UPDATE or len(names) != len(update.entries)
    if broken or too_many or update.version <= EMPTY:
        return ListStatus.FAILED, before
    if not update.full and update.version <= version:
        return ListStatus.VERSION_MISMATCH, before
    after = {} if update.full else dict(listed)
    for entry in update.entries:
        if entry.verdict is None:
            after.pop(entry.token.casefold(), None)
        else:
            after[entry.token.casefold()] = entry.verdict
    return (ListStatus.FAILED, before) if len(after) > MAX_ENTRIES else (ListStatus.ACCEPTED, after)


class LocalList:
    """The list of a station; consulted only while it is enabled."""

    def __init__(self, station: Station, listed: Listed, version: int) -> None:
        self._station = station
        self._listed = listed
        self._version = version
        self._storing: _Storing | None = None
        self.on_accepted: list[Callable[[list[str]], None]] = []
        """Hear of the tokens (in lower case) that an accepted update named."""
        station.on_timer[TIMER] = self._took_too_long

    def __len__(self) -> int:
        return len(self._listed)

    @property
    def enabled(self) -> bool:
        return self._station.settings.list_enabled

    def facts(self) -> dict[str, Callable[[], str]]:
        """For the device model."""
        return {
            "list_max": lambda: str(MAX_ENTRIES),
            "list_send_max": lambda: str(MAX_UPDATE),
            "list_entries": lambda: str(len(self)),
        }

    @property
    def version(self) -> int:
        """0 of an empty list, -1 where there is none."""
        if not self.enabled:
            return NO_LIST
        return self._version if self._listed else EMPTY

    @property
    def last_version(self) -> int:
        """Of the last update, also where it left nothing on the list; 0 before the first, and
        where the list is switched off."""
        return self._version if self.enabled else EMPTY

    def get(self, name: str) -> Verdict | None:
        """What the list says of a token. `ConcurrentTx` marks a valid one here (1.6 §3.5.2)."""
        verdict = self._listed.get(name) if self.enabled else None
        if verdict is not None and verdict.status is AuthorizationStatus.ConcurrentTx:
            verdict = msgspec.structs.replace(verdict, status=AuthorizationStatus.Accepted)
        return None if verdict is None else at_its_time(verdict, self._station.clock.utc())

    def update(self, update: ListUpdate, on_updated: OnUpdated) -> None:
        """Change the list; `on_updated` is called once, when the outcome is certain."""
        if not self.enabled:
            on_updated(ListStatus.NOT_SUPPORTED)
            return
        if self._storing is not None:
            on_updated(ListStatus.FAILED)  # the one before it is not on the disk yet
            return
        max_chars = self._station.dialect.max_token_chars
        status, after = updated(self._listed, self.version, update, max_chars=max_chars)
        if status is not ListStatus.ACCEPTED:
            on_updated(status)
            return
        self._storing = storing = _Storing(update, after, on_updated)
        self._station.start_timer(STORE_WAIT_MS, TIMER)
        self._station.store.submit(storing.write, lambda wrote: self._stored(storing, wrote))

    def _stored(self, storing: _Storing, wrote: bool) -> None:
        """The disk has the update, or was told in time that nobody wants it any more."""
        if self._storing is storing:
            self._storing = None
            self._station.timers.cancel((TIMER,))
        if wrote:
            self._listed, self._version = storing.after, storing.update.version
            for hear in self.on_accepted:
                hear([entry.token.casefold() for entry in storing.update.entries])
        storing.answer(ListStatus.ACCEPTED if wrote else ListStatus.FAILED)

    def _took_too_long(self) -> None:
        if self._storing is not None:
            self._storing.abandon()


class _Storing:
    """An update on its way to the disk. `write` may run more than once, on another thread."""

    def __init__(self, update: ListUpdate, after: Listed, on_updated: OnUpdated) -> None:
        self.update = update
        self.after = after
        self._on_updated: OnUpdated | None = on_updated
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody wants it any more; what the disk holds already by then counts all the same."""
        self._abandoned = True
        self.answer(ListStatus.FAILED)

    def answer(self, status: ListStatus) -> None:
        """Once; what follows is not heard."""
        on_updated, self._on_updated = self._on_updated, None
        if on_updated is not None:
            on_updated(status)

    def write(self, database: Database) -> bool:
        if self._abandoned:
            return False
        if self.update.full:
            database.clear(ENTRY)
        for entry in self.update.entries:
            name = entry.token.casefold()
            if entry.verdict is None:
                database.delete(ENTRY, name)
            else:
                database.put(ENTRY, name, msgspec.json.encode(entry.verdict))
        database.put(VERSION, "version", str(self.update.version).encode())
        return True
