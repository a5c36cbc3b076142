"""A BootNotification by hand: does the back office take this station?"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ocpp_link.dialects import VERSIONS, Dialects
from ocpp_link.doctor.finding import Finding, good, judged_clock, note, problem
from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.ports import BootReason, Dialect, StationInfo
from ocpp_link.records import BootAnswer, BootStatus
from ocpp_link.station import parse_time

ANSWER_S = 30.0
STEP = "registration"


async def register(
    websocket: ClientConnection, version: str, station: StationInfo, utc: Callable[[], datetime]
) -> AsyncIterator[Finding]:
    """What the back office answers, and what its clock says."""
    dialect = Dialects(VERSIONS).speak(version)
    message = dialect.boot(station, BootReason.UNKNOWN)
    try:
        async with asyncio.timeout(ANSWER_S):
            frame = await _asked(websocket, message.action, message.payload)
    except TimeoutError:
        yield problem(
            STEP, f"no answer to {message.action} within {ANSWER_S:g} s", "ask the back office why"
        )
        return
    except ConnectionClosed:
        yield problem(STEP, f"the connection went upon {message.action}", "ask the back office why")
        return
    for finding in _judged(dialect, message.action, frame, utc()):
        yield finding


async def _asked(websocket: ClientConnection, action: str, payload: dict[str, Any]) -> list[Any]:
    """The answer's frame; CALLs that come before it are passed over."""
    unique_id = str(uuid.uuid4())
    await websocket.send(msgspec.json.encode([2, unique_id, action, payload]).decode())
    while True:
        try:
            frame = msgspec.json.decode(await websocket.recv(), type=list[Any])
        except msgspec.MsgspecError:
            continue
        if frame[1:2] == [unique_id] and frame[0] in (3, 4):
            return frame


def _judged(dialect: Dialect, action: str, frame: list[Any], now: datetime) -> list[Finding]:
    if frame[0] == 4:
        words = " ".join(str(part) for part in frame[2:4])[:200]
        return [problem(STEP, f"{action} met a CALLERROR: {words}", "ask the back office why")]
    try:
        answer = dialect.boot_answer(dialect.validator.response(action, frame[2]))
    except (PayloadInvalid, ActionUnknown, IndexError) as error:
        words = f"the answer to {action} breaks the schema: {error}"
        return [problem(STEP, words, "let the back office mend it")]
    found = [_registration(answer)]
    try:
        found.append(judged_clock((now - parse_time(answer.current_time)).total_seconds()))
    except ValueError:
        found.append(note("clock", f"currentTime {answer.current_time!r} is no time"))
    return found


def _registration(answer: BootAnswer) -> Finding:
    match answer.status:
        case BootStatus.ACCEPTED:
            return good(STEP, f"accepted, heartbeat each {answer.interval_s} s")
        case BootStatus.PENDING:
            return note(STEP, "pending: the back office wants to configure the station first")
        case _:
            return problem(STEP, "rejected", "let the back office admit this station")
