"""Types of the `reservation` page (spec B3)."""

from __future__ import annotations

import enum

from msgspec import UNSET, UnsetType

from evse.types.base import Closed, DateTime
from evse.types.evse_manager import ConnectorTypeEnum


class Reservation(Closed, frozen=True):
    """A place kept for a token until `expiry_time`; without `evse_id`, on any EVSE that fits."""

    reservation_id: int
    id_token: str
    expiry_time: DateTime
    evse_id: int | UnsetType = UNSET
    parent_id_token: str | UnsetType = UNSET
    connector_type: ConnectorTypeEnum | UnsetType = UNSET


class ReservationResult(enum.StrEnum):
    Accepted = "Accepted"
    Faulted = "Faulted"
    Occupied = "Occupied"
    Rejected = "Rejected"
    Unavailable = "Unavailable"


class ReservationEndReason(enum.StrEnum):
    Expired = "Expired"
    Cancelled = "Cancelled"
    UsedToStartCharging = "UsedToStartCharging"
    GlobalReservationRequirementDropped = "GlobalReservationRequirementDropped"


class ReservationUpdate(enum.StrEnum):
    """`reservation_status` of ReservationUpdateStatus."""

    Expired = "Expired"
    Removed = "Removed"
    Placed = "Placed"
    Cancelled = "Cancelled"
    Used = "Used"


class ReservationUpdateStatus(Closed, frozen=True):
    reservation_id: int
    reservation_status: ReservationUpdate


class ReservationCheck(Closed, frozen=True):
    """Asks whether a token may use an EVSE (without `evse_id`: the station)."""

    id_token: str
    evse_id: int | UnsetType = UNSET
    group_id_token: str | UnsetType = UNSET


class ReservationCheckStatus(enum.StrEnum):
    """The answer to ReservationCheck."""

    NotReserved = "NotReserved"
    ReservedForToken = "ReservedForToken"
    ReservedForOtherToken = "ReservedForOtherToken"
    ReservedForOtherTokenAndHasParentToken = "ReservedForOtherTokenAndHasParentToken"
