"""The core's door as the engine's CorePort, and what follows from the door to the engine.

`DoorCore` outlives connections: calls while the core is away fail at once, in words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from evse.door.client import DoorClient
from evse.door.jsonrpc import RpcError
from ocpp_link.ports import CoreReply
from ocpp_link.wire.runner import Runner

CONSUMER = "ocpp"
SESSION_EVENT = "evse_manager.session_event"
FAULTS = "sys.faults"
RESERVATION = "reservation.reservation_update"
PUBLIC_KEY = "evse_manager.powermeter_public_key_ocmf"
PROVIDED = ("auth_token_validator", "ocpp_1_6_charge_point", "ocpp")
"""In this order: to whoever `ocpp` answers, a token can be validated too."""
VALIDATE_TOKEN = "auth_token_validator.validate_token"
RETRY_S = 0.5
"""Between attempts to reach the door; it is on this machine."""
CALL_TIMEOUT_S = 15.0
"""The slowest command is force_unlock, with 5 s of its own."""

_log = logging.getLogger(__name__)

Serve = Callable[[str, dict[str, Any]], Awaitable[Any]]


class DoorCore:
    """CorePort over whichever connection to the door stands now."""

    def __init__(self) -> None:
        self._client: DoorClient | None = None
        self._runner: Runner | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._published: dict[str, Any] = {}

    def attach(self, client: DoorClient | None, runner: Runner) -> None:
        """Use this connection from now on; None = the core is away."""
        self._client = client
        self._runner = runner

    def call(
        self, method: str, params: dict[str, Any], on_reply: Callable[[CoreReply], None]
    ) -> None:
        if self._client is None:
            on_reply(CoreReply(error="the core is away"))
        else:
            self._start(self._call(self._client, method, params, on_reply))

    def acknowledge(self, seq: int) -> None:
        params = {"consumer": CONSUMER, "seq": seq}
        self.call("journal.acknowledge", params, _unheeded)

    def publish(self, variable: str, value: Any, *, stands: bool = True) -> None:
        """A variable of the link; what stands is told again to a core that comes back."""
        if stands:
            self._published[variable] = value
        if self._client is not None:
            self._start(_publish(self._client, variable, value))

    def republish(self) -> None:
        """To a core that knows nothing yet."""
        for variable, value in list(self._published.items()):
            self.publish(variable, value)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(
        self,
        client: DoorClient,
        method: str,
        params: dict[str, Any],
        on_reply: Callable[[CoreReply], None],
    ) -> None:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                reply = CoreReply(result=await client.call(method, params))
        except (OSError, RpcError) as error:
            reply = CoreReply(error=f"{method}: {error or type(error).__name__}")
        if self._runner is not None:
            self._runner.run(lambda: on_reply(reply))


def _unheeded(_reply: CoreReply) -> None:
    """An acknowledgement that is lost is given again with the next event."""


async def _publish(client: DoorClient, variable: str, value: Any) -> None:
    try:
        await client.publish(variable, value)
    except (OSError, RpcError):
        return  # said again after the next connect


async def follow_core(path: Path, core: DoorCore, runner: Runner, serve: Serve) -> None:
    """Keep the engine at the core's door, for ever; `serve` answers what it provides."""
    while True:
        try:
            client = await DoorClient.connect(path)
        except OSError:
            await asyncio.sleep(RETRY_S)
            continue
        try:
            await _follow(client, core, runner, serve)
        except (OSError, RpcError) as error:
            _log.warning("the core's door: %s", error)
        finally:
            core.attach(None, runner)
            await client.aclose()
            runner.run(runner.engine.on_core_lost)
        await asyncio.sleep(RETRY_S)


async def _follow(client: DoorClient, core: DoorCore, runner: Runner, serve: Serve) -> None:
    """Be at the door until it closes."""
    core.attach(client, runner)
    await _subscribe(client, runner)
    for namespace in PROVIDED:
        await client.provide(namespace, serve)
    core.republish()
    runner.run(runner.engine.on_core_connected)
    await client.closed()


async def _subscribe(client: DoorClient, runner: Runner) -> None:
    engine = runner.engine
    early: list[dict[str, Any]] = []
    """Events that came right behind the answer that says of which journal they are."""

    def on_event(params: dict[str, Any]) -> None:
        engine.on_session_event(params["evse"], params["value"], params["seq"])
        runner.touch()

    def on_powermeter(params: dict[str, Any]) -> None:
        engine.on_powermeter(params["evse"], params["value"])

    def on_public_key(params: dict[str, Any]) -> None:
        engine.on_public_key(params["evse"], params["value"])

    def on_limits(params: dict[str, Any]) -> None:
        engine.on_limits(params["evse"], params["value"])

    def on_faults(params: dict[str, Any]) -> None:
        engine.on_faults(params["evse"], params["value"])
        runner.touch()

    def on_reservation(params: dict[str, Any]) -> None:
        engine.on_reservation(params["value"])
        runner.touch()

    known = engine.journal_id is not None
    told = await client.subscribe(
        SESSION_EVENT,
        early.append,
        from_seq=engine.next_seq if known else None,
        journal=engine.journal_id,
        consumer=CONSUMER,
    )
    engine.on_journal(told["journal"], first_seq=told["first_seq"], from_seq=told["from_seq"])
    client.follow(SESSION_EVENT, on_event)
    for params in early:
        on_event(params)
    await client.subscribe("evse_manager.powermeter", on_powermeter)
    await client.subscribe(PUBLIC_KEY, on_public_key)
    await client.subscribe("evse_manager.limits", on_limits)
    await client.subscribe(FAULTS, on_faults)
    await client.subscribe(RESERVATION, on_reservation)
    for evse in engine.station.evses:
        if value := await client.call("get", {"variable": "evse_manager.limits", "evse": evse}):
            engine.on_limits(evse, value)
        if key := await client.call("get", {"variable": PUBLIC_KEY, "evse": evse}):
            engine.on_public_key(evse, key)
        standing = await client.call("get", {"variable": FAULTS, "evse": evse})
        engine.on_faults(evse, standing or [])
