"""Who is who at the security profiles: the back office's authority, the manufacturer's, a stranger;
and the doors that the back office opens at each profile."""

from __future__ import annotations

import ssl
from pathlib import Path

from conformance_csms import Rules
from conformance_driver import StationDriver, Trust

from hil.csms.authority import Authority, Identity
from ocpp_link.wire.endpoint import basic_authorization

PASSWORD = b"sixteen or more!"
HOST = "127.0.0.1"
CPO = "Test Operator"


class Pki:
    """Made once for all cases; `directory` is where the library wants its files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.csms_root = Authority("CSMS Root")
        self.manufacturer_root = Authority("Manufacturer Root")
        self.second_root = Authority("Second CSMS Root")
        self.other_manufacturer_root = Authority("Other Manufacturer Root")
        self.stranger = Authority("Stranger")
        self._server = self.csms_root.server(HOST)
        self._false_server = self.stranger.server(HOST)

    def new_root(self, kind: str) -> Authority:
        """Another root of the back office, or the manufacturer's."""
        return self.second_root if kind.startswith("Central") else self.other_manufacturer_root

    def delivered(self, station: StationDriver) -> Trust:
        """What the station has got before it first speaks at its security profile."""
        profile = station.look.security_profile
        own = self.csms_root.station(station.serial, CPO) if profile == 3 else None
        return Trust(
            password=PASSWORD if profile in (1, 2) else b"",
            root_pem=self.csms_root.pem if profile >= 2 else "",
            certificate_pem=own.chain_pem if own else "",
            key_pem=own.key_pem.decode() if own else "",
            manufacturer_root_pem=self.manufacturer_root.pem,
        )

    def rules(self, station: StationDriver, profile: int, password: bytes = PASSWORD) -> Rules:
        """Who is let in at this profile."""
        wanted = basic_authorization(station.identity, password) if profile in (1, 2) else None
        return _counted(self._tls(self._server, profile) if profile >= 2 else None, wanted)

    def false_rules(self, profile: int) -> Rules:
        """A server that somebody else's authority vouches for."""
        return _counted(self._tls(self._false_server, profile), None)

    def _tls(self, server: Identity, profile: int) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server.files(self._directory, "server"))
        if profile == 3:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.csms_root.pem)
        return context


def _counted(tls: ssl.SSLContext | None, authorization: str | None) -> Rules:
    rules = Rules(tls, authorization)

    def hello(_tls: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        rules.hellos += 1

    if tls is not None:
        tls.sni_callback = hello
    return rules
