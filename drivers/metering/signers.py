"""Which of the catalogue's meters sign, and how they are asked."""

from __future__ import annotations

from drivers.errors import MeterMapError
from drivers.metering.iskra import IskraWm3m4c
from drivers.metering.signed import SigningModel

SIGNERS = {"iskra_wm3m4": IskraWm3m4c}


def expect_signer(model: str) -> None:
    """Raises MeterMapError for a model that does not sign, or of which nobody here knows how."""
    if model not in SIGNERS:
        known = ", ".join(sorted(SIGNERS))
        raise MeterMapError(f"meter model {model} can not be asked to sign here; {known} can")


def signing_model(model: str, *, gateway: str, serial: str, version: str) -> SigningModel:
    """`gateway`, `serial` and `version` name the station in each record. Raises MeterMapError as
    expect_signer does."""
    expect_signer(model)
    return SIGNERS[model](gateway=gateway, serial=serial, version=version)
