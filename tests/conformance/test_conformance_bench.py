"""The bench has teeth: what a station does wrong fails the case, whatever the case looks at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conformance_bench import CaseFailed
from conformance_driver import Look, Trust
from conformance_pievse import PiEvse
from conformance_pki import Pki
from conformance_v16 import Bench16
from websockets.asyncio.client import ClientConnection, connect

from evse.clock import VirtualClock
from hil.sim import virtual_loop
from hil.sim.virtual_loop import VirtualLoop
from ocpp_link.wire.endpoint import basic_authorization

FINE = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


class Puppet:
    """A StationDriver whose station does what the test says: it sends CALLs one by one, and
    answers each CALL with `answer`."""

    identity = serial = "PUPPET"

    def __init__(self, look: Look) -> None:
        self.look = look
        self.clock = VirtualClock(1_000_000)
        self.loop = VirtualLoop()
        self.loop.world = self
        self.answer: dict[str, Any] = {"status": "Accepted"}
        self.password = b""

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def step(self, limit_ms: int) -> None:
        self.clock.advance_to(limit_ms)

    def install(self, csms_port: Callable[[], int], trust: Trust) -> None:
        self.password = self.password or trust.password
        self.socket = self.loop.run_until_complete(self._dial(csms_port()))
        self._listening = self.loop.create_task(self._listen(self.socket))

    def say(self, *frames: Any) -> None:
        """Send these as they are."""

        async def sent() -> None:
            for frame in frames:
                await self.socket.send(msgspec.json.encode(frame).decode())
            await asyncio.sleep(0.01)

        self.loop.run_until_complete(sent())

    def call(self, action: str, payload: dict[str, Any]) -> None:
        self.say([2, f"p-{action}", action, payload])

    def close(self) -> None:
        self.loop.run_until_complete(self.socket.close())
        self._listening.cancel()

    async def _dial(self, port: int) -> ClientConnection:
        key = {"Authorization": basic_authorization(self.identity, self.password)}
        return await connect(
            f"ws://127.0.0.1:{port}/ocpp/{self.identity}",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]  # a NewType of str
            additional_headers=key if self.password else {},
            ping_interval=None,
            close_timeout=1,
        )

    async def _listen(self, socket: ClientConnection) -> None:
        async for frame in socket:
            match msgspec.json.decode(frame):
                case [2, str(id_), *_]:
                    await socket.send(msgspec.json.encode([3, id_, self.answer]).decode())


@pytest.fixture
def puppet(pki: Pki) -> Iterator[tuple[Puppet, Bench16]]:
    puppet = Puppet(Look())
    bench16 = Bench16(puppet, pki)  # type: ignore[arg-type]  # it has no hands
    with bench16.switched_on():
        yield puppet, bench16


def test_a_call_that_no_step_took_fails_the_case(puppet: tuple[Puppet, Bench16]) -> None:
    station, case = puppet
    station.call("StatusNotification", FINE)
    with pytest.raises(CaseFailed, match="nobody asked for: StatusNotification"):
        case.finish()
    case.status("Available")
    case.finish()


@pytest.mark.parametrize(
    "payload",
    [
        {"connectorId": 1, "status": "Available"},
        {**FINE, "status": "Sleeping"},
        {**FINE, "colour": "green"},
        {**FINE, "timestamp": "yesterday"},
    ],
)
def test_a_call_that_breaks_the_schema_fails_the_case(
    puppet: tuple[Puppet, Bench16], payload: dict[str, Any]
) -> None:
    station, case = puppet
    station.call("StatusNotification", payload)
    with pytest.raises(CaseFailed, match="StatusNotification"):
        case.finish()
    assert not case.csms.messages


@pytest.mark.parametrize("frame", [[3, "case-9", {}], [5, "x", {}], {"hello": 1}, [2, "x"]])
def test_a_frame_that_is_none_fails_the_case(puppet: tuple[Puppet, Bench16], frame: Any) -> None:
    station, case = puppet
    station.say(frame)
    with pytest.raises(CaseFailed):
        case.finish()


def test_an_answer_that_breaks_the_schema_fails_the_case(puppet: tuple[Puppet, Bench16]) -> None:
    station, case = puppet
    station.answer = {"status": "Perhaps"}
    with pytest.raises(CaseFailed, match="and not Accepted"):
        case.accepted("ClearCache")
    with pytest.raises(CaseFailed, match="the answer to ClearCache"):
        case.finish()


def test_another_status_than_the_expected_one_fails_the_step(
    puppet: tuple[Puppet, Bench16],
) -> None:
    station, case = puppet
    station.call("StatusNotification", FINE)
    with pytest.raises(CaseFailed, match=r"'Available'.* is not .*'Charging'"):
        case.status("Charging")


def test_the_status_of_another_connector_is_left_for_its_own_step(
    puppet: tuple[Puppet, Bench16],
) -> None:
    station, case = puppet
    station.call("StatusNotification", {**FINE, "connectorId": 2})
    station.call("StatusNotification", FINE)
    case.status("Available", 1)
    case.status("Available", 2)
    case.finish()


def test_what_does_not_come_fails_at_its_deadline_in_station_time(
    puppet: tuple[Puppet, Bench16],
) -> None:
    station, case = puppet
    begin_ms = station.now_ms
    with pytest.raises(CaseFailed, match="no BootNotification within 3600 s; there is: nothing"):
        case.boot(within_s=3_600)
    assert station.now_ms - begin_ms == 3_600_000


def test_silence_is_noticed_to_be_broken(puppet: tuple[Puppet, Bench16]) -> None:
    station, case = puppet
    station.loop.call_later(5, lambda: station.loop.create_task(_later(station)))
    with pytest.raises(CaseFailed, match="not expected: Authorize"):
        case.quiet(10)


async def _later(station: Puppet) -> None:
    frame = [2, "late", "Authorize", {"idTag": "X"}]
    await station.socket.send(msgspec.json.encode(frame).decode())


def test_a_station_with_the_wrong_password_is_turned_away(pki: Pki) -> None:
    station = Puppet(Look(security_profile=1))
    station.password = b"not what is wanted"
    case = Bench16(station, pki)  # type: ignore[arg-type]  # it has no hands
    with pytest.raises(Exception, match="401"):
        case.start_csms(pki.rules(station, 1))  # type: ignore[arg-type]  # it has no hands
        station.install(lambda: case.csms.port, Trust())
    assert len(case.csms.turned_away) == 1
    assert not case.csms.visits
    case._close()


def session(pki: Pki, directory: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """What a station tells over TLS, and when: a session, a network and a power that go."""
    directory.mkdir()
    case = Bench16(PiEvse(Look(security_profile=2), directory), pki)
    with case.switched_on():
        case.ready()
        case.configure(MeterValueSampleInterval=20)
        case.charging()
        case.offline()
        case.wait(70)
        case.online()
        case.power_cycle()
        case.reported(case.boot(), {1: ("Charging", "Finishing", "Preparing")})
        case.wait(60)
        return [(m.at_ms, m.action, m.payload) for m in case.csms.messages]


def test_what_is_told_and_when_does_not_depend_on_the_machine(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that takes its time between any two looks at its sockets sees the same."""
    quick = session(pki, tmp_path / "quick")
    select = virtual_loop._QuietSelector.select

    def slow(self: Any, timeout: float | None = None) -> Any:
        time.sleep(0.0005)
        return select(self, timeout)

    monkeypatch.setattr(virtual_loop._QuietSelector, "select", slow)
    assert session(pki, tmp_path / "slow") == quick
    assert len(quick) > 15
