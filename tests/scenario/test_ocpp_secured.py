"""A two-EVSE station on its way through the security profiles, over real TLS, in virtual time.

One back office, with a door for each profile as the security whitepaper allows (A00.FR.006): plain,
plain with the key, TLS with the key, TLS with certificates on both sides.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ocpp.v16 import call
from ocpp.v16.enums import (
    AvailabilityType,
    CertificateUse,
    MessageTrigger,
)

from evse.config.load import parse
from hil.bench.station import StationSetup
from hil.csms.authority import Authority
from hil.csms.brain import CsmsBrain
from hil.csms.server import CsmsServer
from hil.sim.network import SimNetwork
from hil.sim.simulation import Simulation
from hil.sim.socket_ocpp import SocketOcpp
from hil.sim.virtual_loop import VirtualLoop
from ocpp_link.security.config import SecurityConfig

HOST = "127.0.0.1"
KEY = b"sixteen or more!"
CPO = "Test Operator"


def quiet_port() -> int:
    """A port that no client gets for its own end while nobody listens on it."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 50):
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise OSError("no port is free")


class Secured:
    """The station, its back office, and both of their disks."""

    def __init__(self, directory: Path, profile: int = 0) -> None:
        """`profile`: 0, or 3 with a certificate from the factory."""
        self.directory = directory
        self._profile = profile
        setup = StationSetup(evses=2, authorization="ocpp")
        self.sim = Simulation(parse(setup.toml(ocpp_url="ws://127.0.0.1:9/ocpp"), "station.toml"))
        self.loop = VirtualLoop()
        self.loop.world = self.sim
        self.root = Authority("CSMS Root")
        self.brain = CsmsBrain(self.sim.clock)
        self.doors = {
            0: CsmsServer(self.brain),
            1: CsmsServer(self.brain, basic_auth_key=KEY),
            2: CsmsServer(self.brain, basic_auth_key=KEY, tls=self._tls(2)),
            3: CsmsServer(self.brain, tls=self._tls(3), port=quiet_port()),
        }
        self.identity = self.sim.config.station.identity
        self.do(self._begin())

    async def _begin(self) -> None:
        for door in self.doors.values():
            await door.start()
        self.network = SimNetwork(self.doors[0]._port)
        await self.network.mend()
        security = SecurityConfig(
            secure_url=self.doors[2].url, mutual_url=self.doors[3].url, system_roots=False
        )
        if self._profile == 3:
            security = msgspec.structs.replace(security, **self._delivered())
        self.link = SocketOcpp(self.sim, self.loop, self.network, self.directory, security=security)
        self.link.start()

    def _delivered(self) -> dict[str, Any]:
        serial = self.sim.config.station.serial or self.identity
        chain, key = self.root.station(serial, CPO).files(self.directory, "factory")
        roots = self.directory / "roots.pem"
        roots.write_text(self.root.pem)
        return {
            "profile": 3,
            "csms_roots": roots,
            "certificate": chain,
            "certificate_key": key,
        }

    def _tls(self, profile: int, authority: Authority | None = None) -> ssl.SSLContext:
        server = (authority or self.root).server(HOST)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server.files(self.directory, "server"))
        if profile == 3:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.root.pem)
        return context

    # Time

    def do(self, work: Coroutine[Any, Any, Any], within_s: float = 3_600.0) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, within_s))

    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds), seconds + 1)

    def until(self, condition: Callable[[], object], within_s: float = 600.0) -> None:
        for _ in range(round(within_s)):
            if condition():
                return
            self.wait(1)
        raise AssertionError("it did not come to be in time")

    # The back office

    def at(self, profile: int) -> bool:
        """Is the station at the door of this profile, and at no other one?"""
        return [p for p, door in self.doors.items() if door.peers] == [profile]

    def call(self, request: Any) -> Any:
        (door,) = (door for door in self.doors.values() if door.peers)
        return self.do(door.call(self.identity, request))

    def configure(self, key: str, value: str) -> str:
        return str(self.call(call.ChangeConfiguration(key=key, value=value)).status)

    def events(self) -> list[str]:
        return [str(p["type"]) for p in self.brain.sent("SecurityEventNotification")]

    def serve_a_stranger(self, seconds: float) -> None:
        """Somebody else's server stands at the door of profile 3 for a while."""
        door = self.doors[3]
        self.do(door.stop())
        ours, door._tls = door._tls, self._tls(3, Authority("Stranger"))
        self.do(door.start())
        self.wait(seconds)
        assert not door.peers
        self.do(door.stop())
        door._tls = ours
        self.do(door.start())

    # A person

    def session(self, evse: int, seconds: float) -> None:
        """Plug in, charge, unplug."""
        self.begin(evse)
        self.until(lambda: self.brain.statuses.get(evse) == "Charging")
        self.wait(seconds)
        self.sim.plants[evse].car.unplug()
        self.sim.wake()
        self.until(lambda: self.brain.statuses.get(evse) == "Available")

    def begin(self, evse: int) -> None:
        """Plug in and show a card."""
        self.sim.plants[evse].car.plug()
        self.sim.wake()
        provided = {
            "id_token": {"value": "CARD", "type": "ISO14443"},
            "authorization_type": "RFID",
            "connectors": [evse],
        }
        self.sim.peer().ask("auth_token_provider.present", {"token": provided})

    def restart(self) -> None:
        self.link.kill()
        self.do(self.link.ended())
        self.do(self._switched_on())

    async def _switched_on(self) -> None:
        self.link.start()

    def close(self) -> None:
        self.link.kill()
        self.do(self.link.ended())
        self.network.cut()
        for door in self.doors.values():
            self.do(door.stop())
        self.sim.database.close()
        for _ in range(5):  # what was cut off leaves its socket at the loop's next turns
            self.do(asyncio.sleep(0))
        self.loop.close()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Secured]:
    made = Secured(tmp_path)
    try:
        yield made
    finally:
        made.close()


def raise_profile(station: Secured, profile: int) -> None:
    """Accepted, and the station comes to the right door by itself."""
    if profile == 1:
        station.network.target_port = station.doors[1]._port
    assert station.configure("SecurityProfile", str(profile)) == "Accepted"
    station.wait(5)
    station.until(lambda: station.at(profile))
    assert station.configure("SecurityProfile", str(profile)) == "Rejected"


def certified(station: Secured) -> None:
    """The station asks for a certificate, and gets it."""
    assert station.configure("CpoName", CPO) == "Accepted"
    trigger = MessageTrigger.sign_charge_point_certificate
    answer = station.call(call.ExtendedTriggerMessage(requested_message=trigger))
    assert answer.status == "Accepted"
    station.until(lambda: station.brain.sent("SignCertificate"))
    request = station.brain.sent("SignCertificate")[-1]["csr"]
    chain = station.root.sign(request).chain_pem
    assert station.call(call.CertificateSigned(certificate_chain=chain)).status == "Accepted"


def install_root(station: Secured) -> None:
    use = CertificateUse.central_system_root_certificate
    request = call.InstallCertificate(certificate_type=use, certificate=station.root.pem)
    assert station.call(request).status == "Accepted"


def test_a05_a_station_climbs_from_profile_0_to_3_and_charges_there(station: Secured) -> None:
    """Whitepaper A05, A01, A02, M05: each step at the back office's word; then sessions at both
    EVSEs over TLS with certificates on both sides, and a restart that changes nothing."""
    station.until(lambda: station.at(0) and station.brain.statuses.get(2) == "Available")
    assert station.configure("SecurityProfile", "1") == "Rejected"
    assert station.configure("AuthorizationKey", KEY.hex()) == "Accepted"
    station.wait(5)
    raise_profile(station, 1)
    assert station.configure("SecurityProfile", "2") == "Rejected"
    install_root(station)
    raise_profile(station, 2)
    assert station.configure("SecurityProfile", "3") == "Rejected"
    certified(station)
    raise_profile(station, 3)
    assert "InvalidCentralSystemCertificate" not in station.events()

    station.session(1, 1_800)
    station.session(2, 600)
    station.restart()
    station.until(lambda: station.at(3))
    station.session(1, 600)
    bill = station.brain.bill.values()
    assert [line.connector for line in bill] == [1, 2, 1]
    assert all((line.energy_wh or 0) > 500 for line in bill)
    assert station.brain.complaints == []
    assert station.brain.open_transactions() == []
    assert [plant.violations for plant in station.sim.plants.values()] == [[], []]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("hours", [4, pytest.param(24, marks=pytest.mark.soak)])
def test_a00_fr_401_hours_at_profile_3_with_outages_are_billed_once(
    tmp_path: Path, hours: int
) -> None:
    """Whitepaper A00.FR.401 to 415: sessions at two EVSEs, over TLS with certificates on
    both sides; the back office goes and comes, serves a stranger's certificate for a while, and the
    station renews its own."""
    station = Secured(tmp_path, profile=3)
    rng = random.Random(3)
    try:
        station.until(lambda: station.at(3) and station.brain.statuses.get(2) == "Available")
        for hour in range(hours):
            evse = 1 + hour % 2
            if hour % 4 == 1:
                station.do(station.doors[3].stop())
            station.begin(evse)
            station.wait(rng.randrange(600, 2_400))
            if hour % 4 == 2:
                station.serve_a_stranger(300)
            if hour % 4 == 1:
                station.do(station.doors[3].start())
            station.sim.plants[evse].car.unplug()
            station.sim.wake()
            station.wait(600)
        station.until(lambda: station.at(3))
        certified(station)
        station.wait(3_600)
        bill = list(station.brain.bill.values())
        assert len(bill) == hours
        assert station.at(3)
        assert station.brain.complaints == []
        assert station.brain.open_transactions() == []
        for evse, plant in station.sim.plants.items():
            billed_wh = sum(line.energy_wh or 0 for line in bill if line.connector == evse)
            assert billed_wh == pytest.approx(
                plant.meter(station.sim.now_ms).energy_import_wh, abs=hours
            )
            assert plant.violations == []
        assert "InvalidCentralSystemCertificate" in station.events()
    finally:
        station.close()


def test_m04_fr_06_the_root_that_a_real_connection_stands_on_can_not_be_deleted(
    station: Secured,
) -> None:
    """Whitepaper M04.FR.06, by what the handshake really verified."""
    station.until(lambda: station.at(0) and station.brain.statuses.get(2) == "Available")
    station.configure("AuthorizationKey", KEY.decode())
    station.wait(5)
    install_root(station)
    raise_profile(station, 2)
    use = CertificateUse.central_system_root_certificate
    known = station.call(call.GetInstalledCertificateIds(certificate_type=use))
    (row,) = known.certificate_hash_data
    answer = station.call(call.DeleteCertificate(certificate_hash_data=row))
    assert answer.status == "Failed"


def test_a05_fr_08_a_profile_that_leads_nowhere_is_left_again(station: Secured) -> None:
    """Whitepaper A05.FR.08: no door stands open for profile 2; the sessions go on meanwhile."""
    station.until(lambda: station.at(0) and station.brain.statuses.get(2) == "Available")
    station.configure("AuthorizationKey", KEY.decode())
    station.wait(5)
    install_root(station)
    station.do(station.doors[2].stop())
    assert station.configure("SecurityProfile", "2") == "Accepted"
    station.until(lambda: not station.at(0))
    station.sim.plants[1].car.plug()
    station.sim.wake()

    station.until(lambda: station.at(0), 900)
    station.until(lambda: station.brain.statuses.get(1) == "Preparing")
    request = call.ChangeAvailability(connector_id=2, type=AvailabilityType.inoperative)
    assert station.call(request).status == "Accepted"
    assert station.link.engine is not None
    assert station.link.engine.station.settings.security_profile == 0
