"""The certificate store: roots by use, and the station's own certificates and keys."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ocpp_link.security.certificates import Contents
from ocpp_link.security.directory import Directory

if TYPE_CHECKING:
    from ocpp_link.security.own import OwnCertificates
    from ocpp_link.security.roots import Roots


class CertificateStore:
    """Blocking, and for one thread at a time, but for `contents`. `roots` and `own` import the
    cryptography package when they are first asked for."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the directory can not be used."""
        self.directory = Directory(path)

    @property
    def contents(self) -> Contents:
        """What there is now; may be read from any thread."""
        return self.directory.contents

    @functools.cached_property
    def roots(self) -> Roots:
        from ocpp_link.security.roots import Roots

        return Roots(self.directory)

    @functools.cached_property
    def own(self) -> OwnCertificates:
        from ocpp_link.security.own import OwnCertificates

        return OwnCertificates(self.directory)
