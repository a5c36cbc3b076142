"""TLS towards file servers: proved by roots, never optional, 1.2 at least."""

from __future__ import annotations

import ssl

from ocpp_link.files.errors import ServerUntrusted
from ocpp_link.files.jobs import Trust


def tls_context(trust: Trust) -> ssl.SSLContext:
    """Raises ServerUntrusted where no root can be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust.system_roots:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    for path in trust.ca_files:
        try:
            context.load_verify_locations(path)
        except OSError as error:
            raise ServerUntrusted(f"the roots in {path} can not be read: {error}") from error
    return context
