"""What is wrong with a meter that does not answer, told by whoever reads it. Pure."""

from __future__ import annotations

import msgspec

from evse.faults import Fault

LOST = "powermeter/CommunicationFault"


class Trouble(msgspec.Struct, frozen=True):
    """Why no reading comes: of a meter on a serial line the bus doctor's words."""

    says: str
    """A clause."""
    do: str
    """What to try: whole sentences."""


def told(fault: Fault, trouble: Trouble | None) -> tuple[str, str]:
    """(sentence, hint) of `fault`: the catalogue's, and of a lost meter what is known of it."""
    if trouble is None or fault.code != LOST:
        return fault.says, fault.hint
    return f"{fault.says}: {trouble.says}", trouble.do
