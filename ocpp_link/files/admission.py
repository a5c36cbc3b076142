"""Whether an update is taken: what the back office is answered. Pure."""

from __future__ import annotations

import enum

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
    """Not here, or not without a signature."""


def answer_to(
    verdict: SignerVerdict | None, running: Update | None, *, takes_unsigned: bool
) -> UpdateAnswer:
    """`verdict` on who signed it; None: nobody did (1.6 whitepaper L01.FR.20: a secured station
    takes no such firmware). `running`: the update of before, whatever became of it (L01.FR.24 to
    L01.FR.27)."""
    match verdict:
        case SignerVerdict.INVALID:
            return UpdateAnswer.INVALID_CERTIFICATE
        case SignerVerdict.REVOKED:
            return UpdateAnswer.REVOKED_CERTIFICATE
        case None if not takes_unsigned:
            return UpdateAnswer.UNSUPPORTED
    if running is None or running.is_ended:
        return UpdateAnswer.ACCEPTED
    if running.phase in CANCELLABLE:
        return UpdateAnswer.ACCEPTED_CANCELED
    return UpdateAnswer.REJECTED
