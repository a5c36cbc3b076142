"""The way to a back office, step by step; it ends where nothing further can be tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ocpp_link.doctor import certificates
from ocpp_link.doctor.finding import Finding, Verdict, good, judged_clock, note, of_failure, problem
from ocpp_link.doctor.registration import register
from ocpp_link.ports import StationInfo
from ocpp_link.wire.address import Address, address, cautions
from ocpp_link.wire.conversation import PONG_TIMEOUT_S
from ocpp_link.wire.dial import dial
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.failure import AttemptFailed, Failure, Phase, explain
from ocpp_link.wire.resolve import Target, resolve
from ocpp_link.wire.tcp import open_tcp

KNOWN = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
"""Versions that a back office may speak, whether or not they are spoken here."""
STAYS_S = 1.0
"""A server that does not know a station often lets it in and throws it out at once."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to examine."""

    endpoint: Endpoint
    versions: tuple[str, ...]
    """Subprotocols that the station offers, in order of preference."""
    boot_as: StationInfo | None = None
    """Register, too, as this station."""
    utc: Callable[[], datetime]
    """This machine's clock."""


async def examine(plan: Plan) -> AsyncIterator[Finding]:
    """The findings, as they come. Each connection carries the station's identity: a back office
    may end another connection of that station because of it. Never raises OSError."""
    endpoint = plan.endpoint
    try:
        where = address(endpoint.url, endpoint.identity)
    except ValueError as error:
        yield of_failure(Failure(Phase.ADDRESS, str(error)))
        return
    yield good("address", where.url)
    for words in cautions(endpoint.url, endpoint.identity):
        yield note("address", words)
    if not where.secure and endpoint.basic_auth_key:
        yield note("address", "the AuthorizationKey crosses the network unencrypted", "use wss://")
    targets: list[Target] = []
    async for finding in _network(where, endpoint, targets):
        yield finding
    if not targets:
        return
    if where.secure:
        found = await certificates.examine(where, endpoint.tls, plan.utc(), endpoint.interface)
        for finding in found:
            yield finding
        if found[0].verdict is Verdict.PROBLEM:
            return
    async for finding in _office(plan):
        yield finding


async def _network(
    where: Address, endpoint: Endpoint, targets: list[Target]
) -> AsyncIterator[Finding]:
    """Name and TCP. `targets` stays empty where there is no way to the host."""
    begin_s = time.monotonic()
    try:
        found = await resolve(where)
    except OSError as error:
        yield of_failure(explain(Phase.DNS, error, where))
        return
    if not where.is_literal:
        hosts = ", ".join(dict.fromkeys(str(target.sockaddr[0]) for target in found))
        yield good("DNS", f"{where.host} is {hosts} ({_ms_since(begin_s)} ms)")
    begin_s = time.monotonic()
    try:
        sock = await open_tcp(found, endpoint.interface)
    except OSError as error:
        yield of_failure(explain(Phase.TCP, error, where))
        return
    yield good("TCP", f"{sock.getpeername()[0]} answers ({_ms_since(begin_s)} ms)")
    sock.close()
    targets += found


async def _office(plan: Plan) -> AsyncIterator[Finding]:
    """What lies behind TCP and TLS: authentication, versions, and a connection that stands."""
    outcomes: dict[str, AttemptFailed | None] = {}
    for version in dict.fromkeys((*plan.versions, *KNOWN)):
        failed = outcomes[version] = await _tried(plan.endpoint, (version,))
        if failed is not None and not _is_about_the_version(failed.failure):
            yield of_failure(failed.failure)
            return
    yield _versions(plan.versions, outcomes)
    usable = [version for version in plan.versions if outcomes[version] is None]
    if not usable:
        return
    if len(plan.versions) > 1 and (failed := await _tried(plan.endpoint, plan.versions)):
        yield note(
            "subprotocol", f"offered as a list, none: {failed.failure.words}", "name one version"
        )
    async for finding in _authentication(plan.endpoint, usable[0]):
        yield finding
    async for finding in _standing(plan, usable[0]):
        yield finding


async def _tried(endpoint: Endpoint, offers: tuple[str, ...]) -> AttemptFailed | None:
    try:
        websocket = await dial(endpoint, offers)
    except AttemptFailed as error:
        return error
    await websocket.close()
    return None


def _is_about_the_version(failure: Failure) -> bool:
    """Some servers call a request bad that offers what they do not speak."""
    return failure.phase is Phase.SUBPROTOCOL or failure.status == 400


def _versions(wanted: tuple[str, ...], outcomes: dict[str, AttemptFailed | None]) -> Finding:
    accepted = [version for version, failed in outcomes.items() if failed is None]
    refused = [version for version, failed in outcomes.items() if failed is not None]
    words = f"accepts {', '.join(accepted) or 'none'}; refuses {', '.join(refused) or 'none'}"
    if any(version in accepted for version in wanted):
        return good("subprotocol", words)
    failed = next(failed for version, failed in outcomes.items() if version in wanted and failed)
    finding = of_failure(failed.failure)
    return msgspec.structs.replace(finding, step="subprotocol", words=f"{words} ({finding.words})")


async def _authentication(endpoint: Endpoint, version: str) -> AsyncIterator[Finding]:
    step = "authentication"
    if endpoint.shows_certificate:
        yield good(step, "the back office lets this station in by its certificate")
        return
    if not endpoint.basic_auth_key:
        yield note(
            step,
            "no AuthorizationKey was sent, and none was asked for",
            "have one agreed on: whoever knows the identity can pretend to be this station",
        )
        return
    without = msgspec.structs.replace(endpoint, basic_auth_key=b"")
    failed = await _tried(without, (version,))
    if failed is not None and failed.failure.status in (401, 403):
        yield good(step, "the AuthorizationKey is accepted, and nobody is let in without one")
    elif failed is None:
        yield note(
            step,
            "the AuthorizationKey is not looked at: a connection without one is accepted, too",
            "let the back office ask for it",
        )
    else:
        yield good(step, "the AuthorizationKey is accepted")


async def _standing(plan: Plan, version: str) -> AsyncIterator[Finding]:
    """A connection as the station would have it."""
    try:
        websocket = await dial(plan.endpoint, (version,))
    except AttemptFailed as error:
        yield of_failure(error.failure)
        return
    try:
        yield await _pinged(websocket)
        yield _clock(websocket, plan.utc())
        if plan.boot_as is not None:
            async for finding in register(websocket, version, plan.boot_as, plan.utc):
                yield finding
        yield await _stays(websocket, plan.endpoint)
    finally:
        await websocket.close()


async def _pinged(websocket: ClientConnection) -> Finding:
    try:
        async with asyncio.timeout(PONG_TIMEOUT_S):
            trip_s = await (await websocket.ping())
    except (TimeoutError, ConnectionClosed):
        return problem(
            "ping",
            f"no answer to a ping within {PONG_TIMEOUT_S:g} s",
            "let the back office answer pings (RFC 6455 §5.5.3), or set ping_interval_s = 0",
        )
    return good("ping", f"answered in {trip_s * 1_000:.0f} ms")


def _clock(websocket: ClientConnection, now: datetime) -> Finding:
    """The Date of the handshake counts whole seconds."""
    said = websocket.response.headers.get("Date") if websocket.response else None
    try:
        theirs = parsedate_to_datetime(said or "").astimezone(UTC)
    except ValueError:
        return note("clock", "the back office tells no time in its handshake; --boot asks for it")
    return judged_clock((now - theirs).total_seconds())


async def _stays(websocket: ClientConnection, endpoint: Endpoint) -> Finding:
    try:
        async with asyncio.timeout(STAYS_S):
            while True:
                await websocket.recv()
    except TimeoutError:
        return good("connection", "stands")
    except ConnectionClosed as error:
        where = address(endpoint.url, endpoint.identity)
        return of_failure(explain(Phase.OPEN, error, where))


def _ms_since(begin_s: float) -> int:
    return round((time.monotonic() - begin_s) * 1_000)
