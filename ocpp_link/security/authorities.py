"""Whom the station trusts: roots as the back office installs and deletes them, and what a
connection stands on.

Source: OCPP 1.6 security whitepaper M03 to M05.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Callable
from typing import TypeVar

from ocpp_link.errors import CertificateInvalid
from ocpp_link.files.ports import SignerVerdict
from ocpp_link.memory.database import Database
from ocpp_link.security.certificates import (
    Contents,
    DeleteStatus,
    HashAlgorithm,
    HashData,
    Installed,
    InstallStatus,
    OwnCertificate,
    Root,
    Use,
)
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.events import EventType
from ocpp_link.security.store import CertificateStore
from ocpp_link.security.times import judged_ms
from ocpp_link.station import Station

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Authorities:
    """`store` None: there are no certificates here; whatever is asked then fails."""

    def __init__(
        self,
        station: Station,
        config: SecurityConfig,
        store: CertificateStore | None,
    ) -> None:
        self._station = station
        self._config = config
        self.store = store
        self._with_fallbacks = False
        self._found: list[bytes] | None = []
        """What the handshake of this attempt stood on; empty without TLS, None where it did not
        say."""
        self._in_use: frozenset[str] | None = frozenset()
        """Fingerprints of what the connection stands on; None: it is not known."""
        station.occasions.connected.append(self._connected)
        station.occasions.disconnected.append(self._disconnected)

    @property
    def contents(self) -> Contents:
        return self.store.contents if self.store else Contents()

    def judged_ms(self) -> int:
        """The time to judge certificates by."""
        return judged_ms(self._station.utc_ms())

    def has_csms_root(self, at_ms: int) -> bool:
        return any(root.holds(at_ms) for root in self.contents.of(Use.CSMS))

    def own_valid(self, at_ms: int) -> list[OwnCertificate]:
        return self.contents.own_valid(at_ms)

    # What the back office asks for

    def install(self, use: Use, pem: str, on_done: Callable[[Installed], None]) -> None:
        """One root, for one use (M05)."""
        store, config, at_ms = self.store, self._config, self.judged_ms()
        if store is None:
            on_done(Installed(InstallStatus.FAILED, "there is no place for certificates"))
            return
        must_be_signed = config.additional_root_check and use is Use.CSMS

        def work() -> Installed:
            return store.roots.install(
                use, pem, at_ms, limit=config.max_roots, must_be_signed=must_be_signed
            )

        def done(installed: Installed) -> None:
            if installed.status is InstallStatus.ACCEPTED:
                self._reconfigured(f"{use} installed")
            else:
                _log.warning("a %s was not installed: %s", use, installed.words)
            on_done(installed)

        self.on_disk(work, done)

    def delete(self, wanted: HashData, on_done: Callable[[DeleteStatus], None]) -> None:
        """A root, but for the one that the connection stands on (M04)."""
        store = self.store
        if store is None:
            on_done(DeleteStatus.NOT_FOUND)
            return
        in_use = self._in_use

        def stands_on(root: Root) -> bool:
            return root.use is Use.CSMS and (in_use is None or root.fingerprint in in_use)

        def done(status: DeleteStatus) -> None:
            if status is DeleteStatus.ACCEPTED:
                self._reconfigured("a root was deleted")
            on_done(status)

        self.on_disk(lambda: store.roots.delete(wanted, stands_on), done)

    def hashes(self, use: Use, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> list[HashData]:
        """Of each installed root (M03.FR.04)."""
        return [
            known
            for root in self.contents.of(use)
            for known in root.hashes
            if known.algorithm is algorithm
        ]

    def check_signer(self, certificate_pem: str) -> SignerVerdict:
        """May this certificate's owner sign firmware? See files.ports.SigningRoots. (L01.FR.23)"""
        if self.store is None or not self.contents.of(Use.MANUFACTURER):
            return SignerVerdict.INVALID
        from ocpp_link.security import chain, pki

        try:
            leaf, *between = pki.read_chain(certificate_pem)
            text = self.store.directory.roots_pem(Use.MANUFACTURER)
            roots = pki.read_chain(text, limit=self._config.max_roots)
            chain.verify_chain(leaf, between, roots, self.judged_ms())
        except (CertificateInvalid, OSError) as error:
            _log.warning("a signing certificate is refused: %s", error)
            return SignerVerdict.INVALID
        return SignerVerdict.VALID

    # The connection

    def context_maker(self, own: OwnCertificate | None) -> Callable[[], ssl.SSLContext]:
        """For the attempt that begins now, to be called on any thread."""
        self._found = []
        config, store, contents = self._config, self.store, self.contents
        roots = [
            root for root in contents.of(Use.CSMS) if self._with_fallbacks or not root.replaced_by
        ]
        judged = self.judged_ms()

        def make() -> ssl.SSLContext:
            from ocpp_link.wire.tls import CIPHERS, Tls, client_context

            chain, key = store.directory.own_paths(own) if store and own else (None, None)
            tls = Tls(
                roots_pem=store.directory.pem_of(roots) if store else "",
                system_roots=config.system_roots,
                chain=chain,
                key=key,
                ciphers=config.ciphers or ":".join(CIPHERS),
                wildcards=config.wildcards,
                judged_ms=judged,
            )
            return client_context(tls, self._verified)

        return make

    def distrusted(self) -> None:
        """The server's certificate did not hold: try the fall-back root, too (M05.FR.13)."""
        self._with_fallbacks = True

    def _verified(self, chain: list[bytes]) -> None:
        self._found = chain or None

    def _connected(self) -> None:
        found = self._found
        self._in_use = (
            None if found is None else frozenset(hashlib.sha256(der).hexdigest() for der in found)
        )
        used = [r for r in self.contents.of(Use.CSMS) if r.fingerprint in (self._in_use or ())]
        replaced = {r.replaced_by for r in self.contents.of(Use.CSMS) if r.replaced_by}
        if any(root.fingerprint in replaced for root in used):
            self._drop_fallbacks()

    def _disconnected(self) -> None:
        self._in_use = frozenset()

    def _drop_fallbacks(self) -> None:
        """The connection stands on the new root (M05.FR.12)."""
        self._with_fallbacks = False
        if store := self.store:
            self.on_disk(lambda: said(lambda: store.roots.drop_fallbacks(Use.CSMS)), complain)

    def _reconfigured(self, what: str) -> None:
        self._station.security.event(EventType.RECONFIGURATION, what)

    def on_disk(self, work: Callable[[], T], on_done: Callable[[T], None]) -> None:
        """Run `work`, which does not raise, on the thread that waits for the disk, and once."""
        ended: list[T] = []

        def once(_database: Database) -> None:
            if ended:
                return  # the store runs it again for the sake of what is beside it
            try:
                ended.append(work())
            except Exception:  # noqa: BLE001 - a stranger's certificate must not end the storage:
                # the call stays without an answer, and the link lives
                _log.exception("a fault in the work with certificates")

        def done(_nothing: None) -> None:
            if ended:
                on_done(ended[0])

        self._station.store.submit(once, done)


def said(work: Callable[[], None]) -> str:
    """Empty, or what the disk said."""
    try:
        work()
    except OSError as error:
        return str(error)
    return ""


def complain(problem: str) -> None:
    """Into the log, where there is something to complain of."""
    if problem:
        _log.error("the directory of certificates: %s", problem)
