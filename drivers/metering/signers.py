"""Which of the catalogue's meters sign, and how they are asked.

What asks them is imported when the first one is made: most stations have none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from drivers.errors import MeterMapError

if TYPE_CHECKING:
    from drivers.metering.signed import SigningModel


def _iskra(gateway: str, serial: str, version: str) -> SigningModel:
    from drivers.metering.iskra import IskraWm3m4c

    return IskraWm3m4c(gateway=gateway, serial=serial, version=version)


SIGNERS: dict[str, Callable[[str, str, str], SigningModel]] = {"iskra_wm3m4": _iskra}


def expect_signer(model: str) -> None:
    """Raises MeterMapError for a model that does not sign, or of which nobody here knows how."""
    if model not in SIGNERS:
        known = ", ".join(sorted(SIGNERS))
        raise MeterMapError(f"meter model {model} can not be asked to sign here; {known} can")


def signing_model(model: str, *, gateway: str, serial: str, version: str) -> SigningModel:
    """`gateway`, `serial` and `version` name the station in each record. Raises MeterMapError as
    expect_signer does."""
    expect_signer(model)
    return SIGNERS[model](gateway, serial, version)
