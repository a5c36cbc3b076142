"""What a station would connect with now: its configuration, and what the back office has set since.

Reads the files of `ocpp_link.security` and changes none of them: the station may be running.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from ssl import SSLContext

import msgspec

from ocpp_link.security import pki, profiles
from ocpp_link.security.certificates import Contents, Use
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.credentials import Credentials
from ocpp_link.security.directory import INDEX, NAME_CHARS, first_pem
from ocpp_link.security.part import CERTIFICATES, CREDENTIALS
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.tls import CIPHERS, Tls, client_context

MAX_ROOTS = 1_000


class _Index(msgspec.Struct, frozen=True):
    contents: Contents


def endpoint_of(config: SecurityConfig, judged_ms: int) -> Endpoint:
    """`judged_ms` is the time to judge certificates by. Raises OSError where a file is there that
    may not be read: the station's user may; ValueError for a file of roots that holds none."""
    kept = _kept(config)
    profile = profiles.at_start(kept.standing if kept else None, config.profile).in_use
    return Endpoint(
        url=profiles.url_for(profile, config.url, config.secure_url, config.mutual_url),
        identity=config.identity,
        basic_auth_key=b"" if profile == profiles.TLS_CERTIFICATE else _key(config, kept),
        tls=_context_maker(config, profile, judged_ms),
        shows_certificate=profile == profiles.TLS_CERTIFICATE,
        interface=config.interface,
    )


def _kept(config: SecurityConfig) -> Credentials | None:
    """None where nothing was set, or what was can not be read: the station would set it aside."""
    if config.directory is None:
        return None
    try:
        return msgspec.json.decode((config.directory / CREDENTIALS).read_bytes(), type=Credentials)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _key(config: SecurityConfig, kept: Credentials | None) -> bytes:
    """As the station reads it first."""
    beside = hashlib.sha256(config.key).hexdigest()
    if kept is not None and kept.passwords and kept.beside == beside:
        return kept.passwords[0]
    try:
        return profiles.keys_of(config.key.decode())[0]
    except ValueError:  # text that is no UTF-8 among it
        return config.key


def _context_maker(
    config: SecurityConfig, profile: int, judged_ms: int
) -> Callable[[], SSLContext]:
    roots = "".join(_roots(config))
    chain, key = _own(config, judged_ms) if profile == profiles.TLS_CERTIFICATE else (None, None)
    tls = Tls(
        roots_pem=roots,
        system_roots=config.system_roots,
        chain=chain,
        key=key,
        ciphers=config.ciphers or ":".join(CIPHERS),
        wildcards=config.wildcards,
        judged_ms=judged_ms,
    )
    return lambda: client_context(tls)


def _roots(config: SecurityConfig) -> Iterator[str]:
    """Those that are installed, and those that a first start would take over."""
    if config.directory is not None:
        for path in sorted((config.directory / CERTIFICATES / "roots").glob(f"{Use.CSMS}-*.pem")):
            yield first_pem(path.read_text("ascii"))
    if config.csms_roots is not None and not _contents(config).of(Use.CSMS):
        yield roots_in(config.csms_roots, "[ocpp.security] csms_roots_file")


def roots_in(path: Path, named_by: str) -> str:
    """The PEM text of a file with certificates. Raises ValueError that says what is wrong with it
    and where it is named."""
    try:
        text = path.read_text("ascii")
        pki.read_chain(text, limit=MAX_ROOTS)
    except OSError as error:
        raise ValueError(f"{named_by} = {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # CertificateInvalid, or no ASCII
        raise ValueError(f"{named_by} = {path}: {error}") from error
    return text


def _own(config: SecurityConfig, judged_ms: int) -> tuple[Path | None, Path | None]:
    """The newest valid certificate of the station with its key."""
    valid = _contents(config).own_valid(judged_ms)
    if config.directory is None or not valid:
        return config.certificate, config.certificate_key
    stem = config.directory / CERTIFICATES / "station" / valid[0].fingerprint[:NAME_CHARS]
    return stem.with_suffix(".pem"), stem.with_suffix(".key")


def _contents(config: SecurityConfig) -> Contents:
    if config.directory is None:
        return Contents()
    try:
        index = msgspec.json.decode(
            (config.directory / CERTIFICATES / INDEX).read_bytes(), type=_Index
        )
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return Contents()
    return index.contents
