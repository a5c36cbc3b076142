"""What a DataTransfer says and is answered with, in any version (1.6 §6.15, §6.16; 2.0.1 P)."""

from __future__ import annotations

import enum

import msgspec


class VendorStatus(enum.StrEnum):
    """1.6 §7.23."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE = "UnknownMessageId"
    UNKNOWN_VENDOR = "UnknownVendorId"


class VendorMessage(msgspec.Struct, frozen=True):
    vendor_id: str
    message_id: str = ""
    data: str | None = None


class VendorAnswer(msgspec.Struct, frozen=True):
    status: VendorStatus
    data: str | None = None
