"""What waits to be written to the journal, and what of it can be spared."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event as stored: `body` is the SessionEvent's JSON."""

    seq: int
    evse: int
    body: bytes


class Write(msgspec.Struct):
    """What must be written: an event, a snapshot, or both in one transaction."""

    evse: int
    utc: float = 0.0
    record: Record | None = None
    snapshot: bytes | None = None
    vital: bool = False
    """A bill needs the event."""


class Acknowledgement(msgspec.Struct, frozen=True):
    consumer: str
    seq: int


Entry = Write | Acknowledgement


def thin(entries: list[Entry]) -> None:
    """Take out what later entries make needless, all of them being written in one transaction: a
    snapshot before another one of its EVSE, an acknowledgement before another of its consumer."""
    seen: set[int | str] = set()
    kept: list[Entry] = []
    for entry in reversed(entries):
        if isinstance(entry, Acknowledgement):
            if entry.consumer in seen:
                continue
            seen.add(entry.consumer)
        elif entry.snapshot is not None:
            if entry.evse in seen:
                entry.snapshot = None
            seen.add(entry.evse)
        if isinstance(entry, Acknowledgement) or entry.record or entry.snapshot is not None:
            kept.append(entry)
    entries[:] = reversed(kept)


def give_up_one(entries: list[Entry]) -> None:
    """Take out one event, of which there is at least one: the oldest that no bill needs, else the
    oldest. A snapshot that goes with it stays."""
    events = [e for e in entries if isinstance(e, Write) and e.record is not None]
    victim = next((e for e in events if not e.vital), events[0])
    victim.record = None
    if victim.snapshot is None:
        entries.remove(victim)


def unwritten(waiting: tuple[Entry, ...]) -> str:
    """In words, for a log: what may be missing where these were not written."""
    writes = [entry for entry in waiting if isinstance(entry, Write)]
    seqs = [write.record.seq for write in writes if write.record is not None]
    events = f"events {seqs[0]} to {seqs[-1]}" if seqs else "no event"
    evses = sorted({write.evse for write in writes if write.snapshot is not None})
    return (
        f"not known to be written: {events}, "
        f"the session of EVSE {', '.join(map(str, evses)) or 'none'}, late acknowledgements"
    )
