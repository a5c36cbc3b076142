"""The certificates of the station itself (security whitepaper A02, A03). Keys never leave."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ocpp_link.errors import CertificateInvalid
from ocpp_link.security import pki
from ocpp_link.security.certificates import KeyType, Use
from ocpp_link.security.chain import check_client, check_leaf, verify_chain
from ocpp_link.security.descriptions import describe_own
from ocpp_link.security.directory import Directory
from ocpp_link.security.files import write
from ocpp_link.security.pki import Certificate

UNLIMITED = 2**31
KEEP_OLD_MS = 31 * 86_400_000
"""A certificate that a newer one replaced stays as fall-back for a month (A02.FR.10)."""


class OwnCertificates:
    """Blocking."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def request(self, key_type: KeyType, *, common_name: str, organization: str) -> str:
        """A request for a certificate, in PEM, with a new key (A02.FR.02, FR.03); it takes the
        place of an earlier one. Raises OSError."""
        key = pki.new_key(key_type)
        text = pki.signing_request(key, common_name=common_name, organization=organization)
        write(self._directory.request_key, pki.key_pem(key), private=True)
        write(self._directory.request, text.encode("ascii"))
        return text

    def accept(self, text: str, at_ms: int, *, common_name: str, organization: str) -> str:
        """Take in the answer to the last request: the station's certificate, and behind it the
        authorities between it and a root. Empty, or why it was refused; then nothing has changed
        (A02.FR.06, FR.07). Raises OSError."""
        if not self._directory.request_key.is_file():
            return "no certificate was asked for"
        key = self._directory.request_key.read_bytes()
        try:
            leaf, *between = pki.read_chain(text)
            pki.check_key(leaf, key)
            pki.check_belongs(leaf, common_name=common_name, organization=organization)
            check_client(leaf)
            self._check_path(leaf, between, at_ms)
        except CertificateInvalid as error:
            return str(error)
        self._add([leaf, *between], key, at_ms)
        self._directory.remove(self._directory.request, self._directory.request_key)
        return ""

    def adopt(self, chain: Path, key: Path, at_ms: int) -> None:
        """Take over a certificate that the station came with, once. Raises OSError and
        CertificateInvalid."""
        data = chain.read_bytes()
        mark = hashlib.sha256(b"station" + data).hexdigest()
        if mark in self._directory.contents.imported:
            return
        secret = key.read_bytes()
        certificates = pki.read_chain(data.decode("ascii", "replace"))
        try:
            check_leaf(certificates[0])
            pki.check_key(certificates[0], secret)
        except CertificateInvalid as error:
            raise CertificateInvalid(f"{chain}: {error}") from error
        self._add(certificates, secret, at_ms)
        contents = self._directory.contents
        imported = (*contents.imported, mark)
        self._directory.save(msgspec.structs.replace(contents, imported=imported))

    def prune(self, at_ms: int) -> None:
        """Forget what a newer valid certificate replaced more than a month ago. Raises OSError."""
        contents = self._directory.contents
        newest = next(iter(contents.own_valid(at_ms)), None)
        if newest is None or at_ms - newest.installed_ms < KEEP_OLD_MS:
            return
        gone = [
            own
            for own in contents.own
            if own != newest and own.not_before_ms <= newest.not_before_ms
        ]
        if gone:
            kept = tuple(own for own in contents.own if own not in gone)
            self._directory.save(msgspec.structs.replace(contents, own=kept))
            self._directory.remove(*(p for own in gone for p in self._directory.own_paths(own)))

    def _check_path(self, leaf: Certificate, between: list[Certificate], at_ms: int) -> None:
        """It is of the operator's hierarchy (A02.FR.06). One whose time has yet to come is kept
        until then (A02.FR.08). Raises CertificateInvalid."""
        try:
            text = self._directory.roots_pem(Use.CSMS)
        except OSError as error:
            raise CertificateInvalid(f"a root can not be read: {error}") from error
        roots = pki.read_chain(text, limit=UNLIMITED) if text else []
        verify_chain(leaf, between, roots, max(at_ms, pki.validity_ms(leaf)[0]))

    def _add(self, chain: list[Certificate], key: bytes, at_ms: int) -> None:
        own = describe_own(chain[0], installed_ms=at_ms)
        chain_path, key_path = self._directory.own_paths(own)
        write(key_path, key, private=True)
        write(chain_path, pki.pem(chain).encode("ascii"))
        contents = self._directory.contents
        others = (known for known in contents.own if known.fingerprint != own.fingerprint)
        self._directory.save(msgspec.structs.replace(contents, own=(*others, own)))
