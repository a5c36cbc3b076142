"""The driver of this project's own station: the product on a simulated one, in virtual time."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from conformance_driver import Look, Trust

from evse.config.load import parse
from hil.bench.station import StationSetup
from hil.sim.network import SimNetwork
from hil.sim.simulation import Simulation
from hil.sim.socket_ocpp import SocketOcpp
from hil.sim.virtual_loop import VirtualLoop
from ocpp_link.files.unpack import MANIFEST, PRODUCT
from ocpp_link.security.config import SecurityConfig


class PiEvse:
    """StationDriver."""

    def __init__(self, look: Look, directory: Path) -> None:
        self.look = look
        self._directory = directory
        setup = StationSetup(
            evses=look.connectors,
            connector="cable" if look.cable == "fixed" else "socket",
            authorization="ocpp",
        )
        text = setup.toml(ocpp_url="ws://127.0.0.1:9/ocpp")
        version = f'[ocpp]\nversions = ["{look.version}"]'
        self.sim = Simulation(parse(text.replace("[ocpp]", version), "station.toml"))
        self.clock = self.sim.clock
        self.identity = self.sim.config.station.identity
        self.serial = self.sim.config.station.serial or self.identity
        self.loop = VirtualLoop()
        self.loop.world = self.sim

    def install(self, csms_port: Callable[[], int], trust: Trust) -> None:
        self.network = SimNetwork(csms_port())
        self._now(self.network.mend())
        _deliver_release(self._directory)
        security = self._delivered(trust)
        self.link = SocketOcpp(
            self.sim, self.loop, self.network, self._directory, security=security
        )
        self._now(self._switch_on())

    def plug(self, connector: int = 1) -> None:
        self.sim.plants[connector].car.plug()
        self.sim.wake()

    def plug_half(self, connector: int = 1) -> None:
        self.jam_lock(connector)
        self.plug(connector)

    def suspend(self, connector: int = 1) -> None:
        self.sim.plants[connector].car.pause()
        self.sim.wake()

    def unplug_at_ev(self, connector: int = 1) -> None:
        self.sim.plants[connector].car.unplug_at_ev()
        self.sim.wake()

    def unplug_at_station(self, connector: int = 1) -> None:
        self.sim.plants[connector].car.unplug()
        self.sim.wake()

    def swipe(self, token: str, connector: int = 1) -> None:
        provided = {
            "id_token": {"value": token, "type": "ISO14443"},
            "authorization_type": "RFID",
            "connectors": [connector],
        }
        self.sim.peer().ask("auth_token_provider.present", {"token": provided})

    def power_cut(self) -> None:
        self._power(False)
        self.sim.kill_core()
        self.sim.kill_guard()
        self.link.kill()
        self._now(self.link.ended())

    def power_restore(self) -> None:
        self._power(True)
        self.sim.boot += 1
        self.sim.start_guard()
        self.sim.start_core()
        self._now(self._switch_on())

    def network_cut(self) -> None:
        self.network.cut()

    def network_restore(self) -> None:
        self._now(self.network.mend())

    def jam_lock(self, connector: int = 1) -> None:
        self._fault("lock_jam", True, connector)

    def fault(self, active: bool, connector: int = 1) -> None:
        self._fault("emergency_stop", active, connector)

    def fill_disk(self) -> None:
        self.link.disk_ms = 10**9

    def image(self, *, broken: bool) -> bytes:
        return package("2.0", b"a new program", broken=broken)

    def close(self) -> None:
        self.link.kill()
        self._now(self.link.ended())
        self.network.cut()
        self.sim.database.close()

    def _delivered(self, trust: Trust) -> SecurityConfig:
        """What the station comes with, as its configuration names it."""

        def file(name: str, text: str) -> Path | None:
            path = self._directory / name
            path.write_text(text, "ascii")
            return path if text else None

        return SecurityConfig(
            profile=self.look.security_profile,
            key=trust.password,
            csms_roots=file("csms.pem", trust.root_pem),
            manufacturer_roots=file("manufacturer.pem", trust.manufacturer_root_pem),
            certificate=file("own.pem", trust.certificate_pem),
            certificate_key=file("own.key", trust.key_pem),
        )

    async def _switch_on(self) -> None:
        self.link.start()

    def _power(self, on: bool) -> None:
        for connector in self.sim.plants:
            self._fault("power_cut", not on, connector)

    def _fault(self, name: str, active: bool, connector: int) -> None:
        self.sim.plants[connector].set_fault(name, active)
        self.sim.wake()

    def _now(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)


def _deliver_release(directory: Path) -> None:
    """What every station leaves the factory with: a release to go back to."""
    (directory / "releases" / "1.0").mkdir(parents=True)
    (directory / "current").symlink_to(Path("releases") / "1.0")


def package(version: str, program: bytes, *, broken: bool) -> bytes:
    """A release as the installer takes it; a broken one is not what its manifest says."""
    digest = hashlib.sha256(program).hexdigest()
    manifest = (
        f'product = "{PRODUCT}"\nversion = "{version}"\n[files]\n"program" = "{digest}"\n'
    ).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in ((MANIFEST, manifest), ("program", program + b"!" * broken)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()
