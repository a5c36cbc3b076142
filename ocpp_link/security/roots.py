"""Installing and deleting roots (security whitepaper M03 to M05)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from ocpp_link.errors import CertificateInvalid
from ocpp_link.security import pki
from ocpp_link.security.certificates import (
    Contents,
    DeleteStatus,
    HashData,
    Installed,
    InstallStatus,
    Root,
    Use,
)
from ocpp_link.security.chain import check_authority
from ocpp_link.security.descriptions import describe_root
from ocpp_link.security.directory import Directory
from ocpp_link.security.files import write
from ocpp_link.security.pki import Certificate

UNLIMITED = 2**31


class Roots:
    """Blocking; nothing here raises for what a peer sent, or for the disk, unless it says so."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def install(
        self, use: Use, text: str, at_ms: int, *, limit: int, must_be_signed: bool = False
    ) -> Installed:
        """Take in one root, or an authority that an installed root of the same use signed.

        `must_be_signed`: by the one root of the same use that it replaces, and that stays as
        fall-back (AdditionalRootCertificateCheck, M05.FR.08 to FR.11). `limit`: how many roots
        there may be in all (M05.FR.03).
        """
        try:
            certificate, issuer = self._checked(use, text, at_ms, must_be_signed)
        except ValueError as error:
            return Installed(InstallStatus.REJECTED, str(error))
        root = describe_root(use, certificate, issuer)
        contents = self._directory.contents
        if any((r.use, r.fingerprint) == (use, root.fingerprint) for r in contents.roots):
            return Installed(InstallStatus.ACCEPTED, "it is installed already")
        if len(contents.roots) >= limit:
            return Installed(InstallStatus.REJECTED, f"the store is full: {limit} certificates")
        kept, gone = contents.roots, list[Root]()
        if must_be_signed:
            kept, gone = _demoted(contents, use, root.fingerprint)
        try:
            self._write(root, certificate, issuer)
            self._directory.save(msgspec.structs.replace(contents, roots=(*kept, root)))
            self._directory.remove(*map(self._directory.root_path, gone))
        except OSError as error:
            return Installed(InstallStatus.FAILED, str(error))
        return Installed(InstallStatus.ACCEPTED)

    def delete(self, wanted: HashData, in_use: Callable[[Root], bool]) -> DeleteStatus:
        """Forget a root, but for one that the connection stands on (M04.FR.06)."""
        found = self._directory.contents.find(wanted)
        if not found:
            return DeleteStatus.NOT_FOUND
        if any(map(in_use, found)):
            return DeleteStatus.FAILED
        try:
            self._forget(*found)
        except OSError:
            return DeleteStatus.FAILED
        return DeleteStatus.ACCEPTED

    def drop_fallbacks(self, use: Use) -> None:
        """The new root has proved itself: the one it replaced goes (M05.FR.12). Raises OSError."""
        self._forget(*(root for root in self._directory.contents.of(use) if root.replaced_by))

    def adopt(self, use: Use, path: Path, at_ms: int) -> None:
        """Take over the roots of a PEM file of the configuration, once: what the back office
        deletes later does not come back before the file changes. Raises OSError and
        CertificateInvalid."""
        data = path.read_bytes()
        mark = hashlib.sha256(use.encode() + data).hexdigest()
        if mark in self._directory.contents.imported:
            return
        for certificate in pki.read_chain(data.decode("ascii", "replace"), limit=UNLIMITED):
            done = self.install(use, pki.pem([certificate]), at_ms, limit=UNLIMITED)
            if done.status is not InstallStatus.ACCEPTED:
                raise CertificateInvalid(f"{path}: {done.words}")
        contents = self._directory.contents
        imported = (*contents.imported, mark)
        self._directory.save(msgspec.structs.replace(contents, imported=imported))

    def _checked(
        self, use: Use, text: str, at_ms: int, must_be_signed: bool
    ) -> tuple[Certificate, Certificate]:
        """The certificate and its issuer. Raises CertificateInvalid (M05.FR.06, FR.10)."""
        chain = pki.read_chain(text)
        if len(chain) != 1:
            raise CertificateInvalid(f"{len(chain)} certificates, and one can be installed")
        certificate = chain[0]
        check_authority(certificate)
        if at_ms > pki.validity_ms(certificate)[1]:
            raise CertificateInvalid(f"{pki.subject(certificate)} has expired")
        standing = [r for r in self._directory.contents.of(use) if not r.replaced_by]
        issuer = self._issuer(certificate, standing)
        known = {root.fingerprint for root in standing}
        replaces = known - {pki.fingerprint(certificate)}
        if must_be_signed and replaces and pki.fingerprint(issuer) not in replaces:
            raise CertificateInvalid("the root that it would replace did not sign it")
        return certificate, issuer

    def _issuer(self, certificate: Certificate, among: list[Root]) -> Certificate:
        if pki.is_self_signed(certificate):
            return certificate
        for root in among:
            try:
                text = self._directory.root_path(root).read_text("ascii")
            except OSError as error:
                raise CertificateInvalid(f"a root can not be read: {error}") from error
            known = pki.read_chain(text)[0]
            if pki.signed_by(certificate, known):
                return known
        raise CertificateInvalid("it is no root, and no installed root signed it")

    def _write(self, root: Root, certificate: Certificate, issuer: Certificate) -> None:
        chain = [certificate] if issuer is certificate else [certificate, issuer]
        write(self._directory.root_path(root), pki.pem(chain).encode("ascii"))

    def _forget(self, *gone: Root) -> None:
        contents = self._directory.contents
        kept = tuple(known for known in contents.roots if known not in gone)
        self._directory.save(msgspec.structs.replace(contents, roots=kept))
        self._directory.remove(*map(self._directory.root_path, gone))


def _demoted(contents: Contents, use: Use, successor: str) -> tuple[tuple[Root, ...], list[Root]]:
    """The root that stands becomes the fall-back of its successor; an older fall-back goes."""
    gone = [root for root in contents.of(use) if root.replaced_by]
    kept = tuple(
        msgspec.structs.replace(root, replaced_by=successor) if root.use is use else root
        for root in contents.roots
        if root not in gone
    )
    return kept, gone
