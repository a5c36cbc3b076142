"""Certificates as the engine knows them: values without the cryptography behind them.

An unencrypted link never needs more than this; `pki.py` does the rest.
"""

from __future__ import annotations

import enum

import msgspec


class Use(enum.StrEnum):
    """What a root vouches for; the spellings are those of 2.0.1 (part 2 §3.43)."""

    CSMS = "CSMSRootCertificate"
    MANUFACTURER = "ManufacturerRootCertificate"
    V2G = "V2GRootCertificate"
    MO = "MORootCertificate"
    OEM = "OEMRootCertificate"


class HashAlgorithm(enum.StrEnum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class HashData(msgspec.Struct, frozen=True):
    """Names a certificate as OCSP does (security whitepaper §6.1, RFC 6960 §4.1.1)."""

    algorithm: HashAlgorithm
    issuer_name_hash: str
    """Over the DER of the issuer's name; hexadecimal."""
    issuer_key_hash: str
    """Over the issuer's public key without tag, length and algorithm; hexadecimal."""
    serial_number: str
    """Hexadecimal, without zeros in front."""

    def names_same(self, other: HashData) -> bool:
        """Case does not count, nor do zeros that somebody put in front."""
        return self._plain() == other._plain()

    def _plain(self) -> tuple[str, ...]:
        return (
            self.algorithm,
            self.issuer_name_hash.casefold(),
            self.issuer_key_hash.casefold(),
            self.serial_number.casefold().lstrip("0"),
        )


class Root(msgspec.Struct, frozen=True):
    """An installed root, or an authority that one of the installed ones signed."""

    use: Use
    fingerprint: str
    """SHA-256 over the DER; hexadecimal, small letters."""
    subject: str
    not_before_ms: int
    """Since 1970; so is the next."""
    not_after_ms: int
    hashes: tuple[HashData, ...]
    """One for each algorithm."""
    replaced_by: str = ""
    """Fingerprint of the root for which this one is only the fall-back (M05.FR.11)."""

    def holds(self, at_ms: int) -> bool:
        return self.not_before_ms <= at_ms <= self.not_after_ms


class OwnCertificate(msgspec.Struct, frozen=True):
    """A certificate of this station whose key lies here."""

    fingerprint: str
    subject: str
    not_before_ms: int
    not_after_ms: int
    installed_ms: int

    def holds(self, at_ms: int) -> bool:
        return self.not_before_ms <= at_ms <= self.not_after_ms


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What the certificate store holds."""

    roots: tuple[Root, ...] = ()
    own: tuple[OwnCertificate, ...] = ()
    imported: tuple[str, ...] = ()
    """SHA-256 of each file of the configuration whose certificates were taken over once."""

    def of(self, use: Use) -> tuple[Root, ...]:
        return tuple(root for root in self.roots if root.use is use)

    def find(self, wanted: HashData) -> tuple[Root, ...]:
        """The same certificate may be a root for several uses."""
        named = (any(known.names_same(wanted) for known in root.hashes) for root in self.roots)
        return tuple(root for root, is_it in zip(self.roots, named, strict=True) if is_it)

    def own_valid(self, at_ms: int) -> list[OwnCertificate]:
        """Newest first, by the beginning of validity (A02.FR.09)."""
        valid = [own for own in self.own if own.holds(at_ms)]
        return sorted(valid, key=lambda own: (own.not_before_ms, own.installed_ms), reverse=True)

    def own_newest(self) -> OwnCertificate | None:
        """The one that lasts longest, whether its time has come or not."""
        return max(self.own, key=lambda own: own.not_after_ms, default=None)


class InstallStatus(enum.Enum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    """The certificate is no good, or the store is full (M05.FR.03, M05.FR.06)."""
    FAILED = "Failed"
    """It is good, and something else went wrong (M05.FR.04)."""


class Installed(msgspec.Struct, frozen=True):
    """How an installation ended; `words` says why it was not accepted."""

    status: InstallStatus
    words: str = ""


class DeleteStatus(enum.Enum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class KeyType(enum.StrEnum):
    """Of the keys that the station makes for itself."""

    P256 = "P-256"
    RSA2048 = "RSA-2048"
