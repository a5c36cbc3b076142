"""Security events: their names, and which of them the back office is told at once.

Names are those of OCPP 2.0.1 (appendix 1); dialects spell them their way.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec


class EventType(enum.StrEnum):
    FIRMWARE_UPDATED = "FirmwareUpdated"
    FAILED_TO_AUTHENTICATE = "FailedToAuthenticateAtCsms"
    CSMS_FAILED_TO_AUTHENTICATE = "CsmsFailedToAuthenticate"
    SETTING_SYSTEM_TIME = "SettingSystemTime"
    STARTUP = "StartupOfTheDevice"
    RESET_OR_REBOOT = "ResetOrReboot"
    LOG_CLEARED = "SecurityLogWasCleared"
    RECONFIGURATION = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTION = "MemoryExhaustion"
    INVALID_MESSAGES = "InvalidMessages"
    REPLAY = "AttemptedReplayAttacks"
    TAMPER = "TamperDetectionActivated"
    INVALID_FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
    INVALID_SIGNING_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    INVALID_CSMS_CERTIFICATE = "InvalidCsmsCertificate"
    INVALID_STATION_CERTIFICATE = "InvalidChargingStationCertificate"
    INVALID_TLS_VERSION = "InvalidTLSVersion"
    INVALID_CIPHER_SUITE = "InvalidTLSCipherSuite"
    MAINTENANCE_LOGIN_ACCEPTED = "MaintenanceLoginAccepted"
    MAINTENANCE_LOGIN_FAILED = "MaintenanceLoginFailed"


CRITICAL = frozenset(
    {
        EventType.FIRMWARE_UPDATED,
        EventType.SETTING_SYSTEM_TIME,
        EventType.STARTUP,
        EventType.RESET_OR_REBOOT,
        EventType.LOG_CLEARED,
        EventType.MEMORY_EXHAUSTION,
        EventType.TAMPER,
    }
)
"""Security whitepaper §8."""
TOLD = CRITICAL | {
    EventType.INVALID_FIRMWARE_SIGNATURE,  # L01.FR.03
    EventType.INVALID_SIGNING_CERTIFICATE,  # L01.FR.02
    EventType.INVALID_CSMS_CERTIFICATE,  # A00.FR.309, TC_078_CS
    EventType.INVALID_STATION_CERTIFICATE,  # A02.FR.07, TC_077_CS
    EventType.INVALID_TLS_VERSION,  # A00.FR.315
    EventType.INVALID_CIPHER_SUITE,  # A00.FR.318: "send to the Central System"
}
"""What goes to the back office where nothing else is configured: the critical ones, and those whose
requirement asks for it although the list does not call them critical."""


MEASURED = frozenset({EventType.SETTING_SYSTEM_TIME})
"""Whose words are a measured value, hardly twice the same: what repeats is the type."""


class SecurityEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    """An EventType, or a name that somebody else gave to what only they know."""
    timestamp: str
    """When it happened, RFC 3339."""
    info: str = ""
    """In words; no secret is in it."""


class SecurityReporter(Protocol):
    """Who is to hear of what happens."""

    def event(self, type_: EventType, info: str = "") -> None:
        """Something happened. `info` in words, without any secret."""
