"""What can go wrong in the OCPP link; each class is also the builtin it resembles."""

from __future__ import annotations

from ocpp_link.rpc.codes import Code


class LinkError(Exception):
    """Root of the link's errors."""


class PayloadInvalid(LinkError, ValueError):
    """A payload that its schema refuses. `code` is the OCPP-J error code to answer with."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class ActionUnknown(LinkError, LookupError):
    """An action that this version of OCPP does not have."""


class ProfileRefused(LinkError, ValueError):
    """A charging profile that may not be installed, and why."""


class DatabaseDamaged(LinkError, RuntimeError):
    """The link's file turned out damaged while it was used."""


class CertificateInvalid(LinkError, ValueError):
    """A certificate or a key that may not be used, and why."""
