"""Whether an update is taken: what the back office is answered. Pure."""

from __future__ import annotations

import enum

import msgspec

from ocpp_link.files.ports import SignerVerdict
from ocpp_link.files.update import CANCELLABLE, Update


class UpdateAnswer(enum.Enum):
    ACCEPTED = "Accepted"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    """And the one before is given up."""
    REJECTED = "Rejected"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"
    UNSUPPORTED = "NotSupported"
    """Not here, not from what runs here, or not without a signature."""


class Admission(msgspec.Struct, frozen=True):
    """`why`: for the owner; empty where the update is taken."""

    answer: UpdateAnswer
    why: str = ""


NOWHERE = Admission(UpdateAnswer.UNSUPPORTED, "[ocpp.files] releases names no directory")
_NO_FORMER = Admission(
    UpdateAnswer.UNSUPPORTED,
    "the program that runs is not that of a release in [ocpp.files] releases which `current` "
    "there names: a release that fails could not be taken back (docs/firmware.md)",
)
_INVALID = Admission(
    UpdateAnswer.INVALID_CERTIFICATE, "no root of a manufacturer vouches for its certificate"
)
_REVOKED = Admission(UpdateAnswer.REVOKED_CERTIFICATE, "its certificate is revoked")
_UNSIGNED = Admission(
    UpdateAnswer.UNSUPPORTED, "nobody signed it, and [ocpp.files] unsigned_firmware is false"
)
_BUSY = Admission(UpdateAnswer.REJECTED, "an update goes on that can not be given up any more")


def admit(
    verdict: SignerVerdict | None,
    running: Update | None,
    *,
    can_go_back: bool,
    takes_unsigned: bool,
) -> Admission:
    """`verdict` on who signed it; None: nobody did (1.6 whitepaper L01.FR.20: a secured station
    takes no such firmware). `running`: the update of before, whatever became of it (L01.FR.24 to
    L01.FR.27). `can_go_back`: there is a release to go back to from one that fails."""
    if not can_go_back:
        return _NO_FORMER
    match verdict:
        case SignerVerdict.INVALID:
            return _INVALID
        case SignerVerdict.REVOKED:
            return _REVOKED
        case None if not takes_unsigned:
            return _UNSIGNED
    if running is None or running.is_ended:
        return Admission(UpdateAnswer.ACCEPTED)
    if running.phase in CANCELLABLE:
        return Admission(UpdateAnswer.ACCEPTED_CANCELED)
    return _BUSY
