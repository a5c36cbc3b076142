"""`history.*`: the session history at the door, read and deleted on the storage thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from evse.clock import parse_time
from evse.core import Core
from evse.door.hub import Reply
from evse.door.jsonrpc import INVALID_PARAMS, NOT_AVAILABLE, RpcError
from evse.door.variables import MAX_SEQ, refuse_while_busy
from evse.history import MAX_PAGE, delete_before, page
from evse.types.base import DateTime


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions that began from `from` on and before `to`, after the journal's `after_seq`."""

    from_: DateTime | UnsetType = msgspec.field(name="from", default=UNSET)
    to: DateTime | UnsetType = UNSET
    evse: int | UnsetType = UNSET
    after_seq: Annotated[int, Meta(ge=0, le=MAX_SEQ)] = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class DeleteBefore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    before: DateTime


def sessions(core: Core, params: Sessions, reply: Reply) -> None:
    """Answers with a `Page` of evse/history.py."""
    if params.evse is not UNSET and params.evse not in core.sessions:
        known = list(core.sessions)
        raise RpcError(
            INVALID_PARAMS, f"evse {params.evse} is not here: one of {known}", {"field": "evse"}
        )
    job = partial(
        page,
        since=_seconds("from", params.from_),
        until=_seconds("to", params.to),
        evse=None if isinstance(params.evse, UnsetType) else params.evse,
        after_seq=params.after_seq,
        limit=params.limit,
    )
    refuse_while_busy(core.journal)
    core.journal.query(job, _answer(reply, lambda found: found))


def delete(core: Core, params: DeleteBefore, reply: Reply) -> None:
    """Answers {"deleted": events, "logs": session logs}."""
    before = _seconds("before", params.before)
    assert before is not None
    running = frozenset(s.record.uuid for s in core.sessions.values() if s.record.uuid)
    job = partial(delete_before, before=before, running=running, unclaimed=core.config.ocpp is None)
    refuse_while_busy(core.journal)
    core.journal.query(job, _answer(_logs_too(core, params, reply), lambda count: count))


def _logs_too(core: Core, params: DeleteBefore, reply: Reply) -> Reply:
    """Once the events are gone, so are the logs of those sessions."""

    def gone(count: Any) -> None:
        def told(logs: int | str) -> None:
            if isinstance(logs, str):
                reply(RpcError(NOT_AVAILABLE, f"{count} events are forgotten, but a log: {logs}"))
            else:
                reply({"deleted": count, "logs": logs})

        if isinstance(count, RpcError):
            reply(count)
        elif core.log is None:
            told(0)
        else:
            core.log.delete_before(parse_time(params.before), told)

    return gone


def _answer(reply: Reply, say: Callable[[Any], Any]) -> Callable[[Any], None]:
    def answered(outcome: Any) -> None:
        if isinstance(outcome, sqlite3.Error):
            reply(RpcError(NOT_AVAILABLE, f"the journal can not be read now: {outcome}"))
        else:
            reply(say(outcome))

    return answered


def _seconds(field: str, text: str | UnsetType) -> float | None:
    """Seconds of the UTC epoch. Raises RpcError for a day that no calendar has."""
    if isinstance(text, UnsetType):
        return None
    try:
        return parse_time(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise RpcError(INVALID_PARAMS, f"{field}: {error}", {"field": field}) from error
