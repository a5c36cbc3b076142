"""Whatever a peer sends: an error answer or silence, counted, and the session goes on unharmed."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evse.config.load import load
from evse.door import jsonrpc
from evse.door.client import DoorClient
from evse.door.methods import TABLE
from evse.door.roles import NAMESPACES, Role
from evse.door.server import DoorServer
from hil.sim.simulation import Simulation

BESIDE = ("hello", "subscribe", "get", "provide", "publish", "ocpp.get_variables", "sim.x")
METHODS = sorted({*TABLE, *BESIDE})
KNOWN_FIELDS = [
    "evse",
    "connector_id",
    "request",
    "reason",
    "value",
    "variable",
    "from_seq",
    "namespace",
    "provided_token",
    "id_token",
    "type",
    "validation_result",
    "authorization_status",
    "tariff_messages",
    "schedule_import",
    "timestamp",
    "token",
    "connectors",
    "consumer",
    "seq",
]
KNOWN_TEXTS = ["Accepted", "Remote", "RFID", "Local", "2026-01-01T00:00:00Z", "evse_manager.limits"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(KNOWN_TEXTS)
    | st.text(max_size=8)
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KNOWN_FIELDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.integers(-(10**25), 10**25) | st.text(max_size=3) | json_values,
        "method": st.sampled_from(METHODS) | st.text(max_size=6) | json_values,
        "params": json_values,
        "result": json_values,
        "error": json_values,
    },
)


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """A message with some of its bytes cut, doubled or replaced."""
    line = bytearray(_encode(draw(messages)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(line) - 1)))
        line[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(line)


lines = st.binary(max_size=60) | messages.map(lambda m: _encode(m)) | torn()


def _encode(message: Any) -> bytes:
    try:
        return msgspec.json.encode(message)
    except (UnicodeEncodeError, OverflowError):
        return repr(message).encode("utf-8", "surrogatepass")


class Rude:
    """A peer that says anything; what it hears must be JSON-RPC."""

    def __init__(self, sim: Simulation, role: Role = Role.ADMIN) -> None:
        assert sim.station is not None
        self.hub = sim.station.hub
        self.heard = 0
        self.connection = self.hub.connect(self, role)

    def send(self, line: bytes) -> None:
        self.heard += 1
        message = jsonrpc.decode(line)
        assert message.method or message.result or message.error

    def say(self, line: bytes) -> None:
        self.hub.receive(self.connection, line.replace(b"\n", b" "))


def charging_station() -> Simulation:
    sim = Simulation(load(Path(__file__).parents[2] / "hil" / "station_demo.toml"), seed=1)
    sim.run_for(3_000)
    return sim


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, min_size=1, max_size=8))
def test_the_hub_answers_with_an_error_or_not_at_all(said: list[bytes]) -> None:
    sim = charging_station()
    peer = Rude(sim)
    for line in said:
        heard, bad = peer.heard, peer.hub.bad_lines
        peer.say(line)
        try:
            jsonrpc.decode(line.replace(b"\n", b" "))
        except jsonrpc.RpcError:
            assert (peer.heard, peer.hub.bad_lines) == (heard + 1, bad + 1), "answered and counted"
    sim.run_for(2_000)
    assert sim.station is not None
    good = sim.peer()
    assert isinstance(good.ask("sys.why"), str)
    peer.hub.disconnect(peer.connection)


def everything(sim: Simulation) -> tuple[Any, ...]:
    """What a station holds of its sessions, its journal and its metal."""
    assert sim.station is not None
    core, hub = sim.station.core, sim.station.hub
    sessions = [
        (s.state, s.record.encode(), s.limit(), s.user_pause, s.wish(sim.now_ms))
        for s in core.sessions.values()
    ]
    metal = [(plant.energised, plant.locked, plant.driven) for plant in sim.plants.values()]
    namespaces = [hub.provider(name) for name in NAMESPACES]
    return sessions, metal, core.journal.last_seq, core.facts.vehicles[1].take_request(), namespaces


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, min_size=1, max_size=10))
def test_an_observer_changes_nothing_whatever_it_says(said: list[bytes]) -> None:
    """Beside a twin of the station, to whom nobody speaks."""
    sim, twin = charging_station(), charging_station()
    peer = Rude(sim, Role.OBSERVER)
    for line in said:
        peer.say(line)
    assert everything(sim) == everything(twin)
    for each in (sim, twin):
        each.run_for(2_000)
    assert everything(sim) == everything(twin)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=300) | torn(), min_size=1, max_size=10))
def test_the_socket_survives_any_bytes(tmp_path: Path, chunks: list[bytes]) -> None:
    async def run() -> None:
        uncaught: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _l, c: uncaught.append(c))
        sim = charging_station()
        assert sim.station is not None
        server = DoorServer(sim.station.hub, tmp_path / "core.sock")
        await server.start()
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "core.sock"))
        for chunk in chunks:
            with contextlib.suppress(ConnectionError):
                writer.write(chunk)
                await writer.drain()
        client = await DoorClient.connect(tmp_path / "core.sock")
        assert isinstance(await client.call("sys.why"), str)
        await client.aclose()
        writer.close()
        while not reader.at_eof():
            await reader.read(1 << 16)
        await server.aclose()
        assert uncaught == []

    asyncio.run(run())
