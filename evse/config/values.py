"""What a table of the configuration file is made of: one struct a table, and kinds of values.

Ranges and allowed values stand in the types, so that the reader, its error messages and the
documentation all take them from there. Units stand in the names of the keys.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Milliseconds = Annotated[int, Meta(ge=1, le=600_000)]

Identity = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9*\-_=+|@.]{1,48}\Z",
        description="1 to 48 of A-Z a-z 0-9 * - _ = + | @ .",
    ),
]
"""OCPP 2.0.1 identifierString, without the colon that HTTP Basic authentication cannot carry."""

EvseId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}\Z",
        description="an EVSE ID of ISO 15118-2 Annex H, such as DE*PNX*E1234567*1",
    ),
]

TokenValue = Annotated[
    str, Meta(pattern=r"^[!-~]{1,36}\Z", description="1 to 36 printable ASCII characters")
]
"""OCPP 2.0.1 IdToken.idToken."""

Label = Annotated[
    str, Meta(pattern=r"^[ -~]{1,20}\Z", description="1 to 20 printable ASCII characters")
]

DevicePath = Annotated[
    str,
    Meta(
        pattern=r"^(/[^\x00-\x1f\x7f]{1,250})?\Z",
        description='an absolute path, such as "/dev/ttyS0" or "/var/lib/pievse"',
    ),
]

Baud = Annotated[int, Meta(ge=1_200, le=4_000_000)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""
