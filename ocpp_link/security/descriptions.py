"""Certificates as values: made when one comes, or of a file where the index is lost."""

from __future__ import annotations

from pathlib import Path

from ocpp_link.errors import CertificateInvalid
from ocpp_link.security import pki
from ocpp_link.security.certificates import OwnCertificate, Root, Use


def root_of(path: Path) -> Root:
    """Raises OSError and CertificateInvalid, also for a name that says no use."""
    certificate, *issuers = pki.read_chain(path.read_text("ascii", "replace"))
    try:
        use = Use(path.name.partition("-")[0])
    except ValueError as error:
        raise CertificateInvalid("its name says no use") from error
    return describe_root(use, certificate, issuers[0] if issuers else certificate)


def own_of(path: Path) -> OwnCertificate:
    """Raises OSError and CertificateInvalid, also where the key beside it is another's."""
    leaf = pki.read_chain(path.read_text("ascii", "replace"))[0]
    pki.check_key(leaf, path.with_suffix(".key").read_bytes())
    return describe_own(leaf, installed_ms=pki.validity_ms(leaf)[0])


def describe_root(use: Use, certificate: pki.Certificate, issuer: pki.Certificate) -> Root:
    first_ms, last_ms = pki.validity_ms(certificate)
    return Root(
        use,
        pki.fingerprint(certificate),
        pki.subject(certificate),
        first_ms,
        last_ms,
        pki.hash_data(certificate, issuer),
    )


def describe_own(leaf: pki.Certificate, *, installed_ms: int) -> OwnCertificate:
    first_ms, last_ms = pki.validity_ms(leaf)
    return OwnCertificate(pki.fingerprint(leaf), pki.subject(leaf), first_ms, last_ms, installed_ms)
