"""How the link to the back office is secured, in the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from evse.config.values import DevicePath, Table

WssUrl = Annotated[
    str,
    Meta(
        pattern=r"^(wss://[^\s/@?#\"]+(/[^\s@?#\"]*)?)?\Z",
        max_length=512,
        description="wss://, a host, and no user name, query or fragment",
    ),
]


class SecurityTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ocpp.security]`: how the link is secured, until the back office raises it.

    Certificates are taken over from the files named here when the files are new or have changed;
    what the back office installs, renews or deletes afterwards holds.
    """

    profile: Annotated[int, Meta(ge=0, le=3)] | None = None
    """SecurityProfile: 1 = plain, with the AuthorizationKey; 2 = TLS, with the AuthorizationKey;
    3 = TLS, with a certificate of this station; 0 = none of these. Left out: the highest for which
    everything is configured. The back office can only raise it; to lower it, change it here."""
    tls_url: WssUrl = ""
    """Of the back office at profile 2 and 3, where it is not `url` with wss:// before it."""
    certificate_url: WssUrl = ""
    """Of the back office at profile 3, where it is another one again."""
    csms_roots_file: DevicePath = ""
    """A PEM file with the roots that vouch for the back office."""
    manufacturer_roots_file: DevicePath = ""
    """A PEM file with the roots that vouch for who signs firmware."""
    certificate_file: DevicePath = ""
    """A PEM file with this station's certificate, and behind it those between it and its root."""
    certificate_key_file: DevicePath = ""
    """A PEM file with the key of that certificate, not encrypted."""
    system_roots: bool = True
    """Trust the public authorities that the operating system trusts, too. Where the back office has
    an authority of its own, false is safer."""
    wildcards: bool = False
    """Take a certificate for *.example.com as one for csms.example.com."""
    ciphers: Annotated[str, Meta(pattern=r"^[A-Za-z0-9:+!@=_-]*\Z", max_length=1_000)] = ""
    """Of TLS 1.2, in OpenSSL's words; empty: those of the OCPP security whitepaper. Those of TLS
    1.3 can not be chosen."""
    additional_root_check: bool = False
    """AdditionalRootCertificateCheck: a new root of the back office replaces the old one, which has
    to have signed it."""
    max_roots: Annotated[int, Meta(ge=1, le=1_000)] = 64
    """CertificateStoreMaxLength."""
    key_type: Literal["P-256", "RSA-2048"] = "P-256"
    """Of the keys that the station makes for itself."""
    cpo_name: Annotated[str, Meta(max_length=64)] = ""
    """First value of CpoName. Without one no certificate can be asked for."""
    events: Literal["critical", "told", "all"] = "told"
    """Which security events the back office hears of: those that the whitepaper calls critical;
    also those that its requirements want told; all. The log has all of them."""
