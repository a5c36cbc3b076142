"""Certificates and security events of OCPP 1.6 (security whitepaper §5, §6, §8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ocpp_link.records import Message
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.security.certificates import HashAlgorithm, HashData, Use
from ocpp_link.security.events import EventType, SecurityEvent

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

USES = {
    "CentralSystemRootCertificate": Use.CSMS,
    "ManufacturerRootCertificate": Use.MANUFACTURER,
}
"""§6.4."""
EVENT_NAMES: dict[str, str] = {
    EventType.FAILED_TO_AUTHENTICATE: "FailedToAuthenticationAtCentralSystem",
    EventType.CSMS_FAILED_TO_AUTHENTICATE: "CentralSystemFailedToAuthentication",
    EventType.INVALID_CSMS_CERTIFICATE: "InvalidCentralSystemCertificate",
    EventType.INVALID_STATION_CERTIFICATE: "InvalidChargePointCertificate",
}
"""§8, in the standard's spelling, where it is not that of 2.0.1."""


def security_event(event: SecurityEvent) -> Message:
    """§5.15."""
    name = EVENT_NAMES.get(event.type, str(event.type))
    payload: dict[str, Any] = {"type": name, "timestamp": event.timestamp}
    if event.info:
        payload["techInfo"] = event.info
    return Message("SecurityEventNotification", payload)


def sign_certificate(request: str) -> Message:
    """§5.17."""
    return Message("SignCertificate", {"csr": request})


def install_certificate(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.11."""
    use = USES[call.payload["certificateType"]]
    engine.security.authorities.install(
        use, call.payload["certificate"], lambda done: _status(call, done.status.value)
    )


def delete_certificate(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.3."""
    engine.security.authorities.delete(
        _hash_data(call.payload["certificateHashData"]), lambda done: _status(call, done.value)
    )


def get_installed_certificate_ids(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.7; SHA-256 is the algorithm that everybody has."""
    found = engine.security.authorities.hashes(USES[call.payload["certificateType"]])
    if not found:
        _status(call, "NotFound")
        return
    call.respond({"status": "Accepted", "certificateHashData": [_shown(h) for h in found]})


def certificate_signed(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.1."""
    engine.security.renewal.signed(
        call.payload["certificateChain"],
        lambda good: _status(call, "Accepted" if good else "Rejected"),
    )


def _status(call: IncomingCall, status: str) -> None:
    call.respond({"status": status})


def _hash_data(payload: dict[str, Any]) -> HashData:
    """§6.1."""
    return HashData(
        HashAlgorithm(payload["hashAlgorithm"]),
        payload["issuerNameHash"],
        payload["issuerKeyHash"],
        payload["serialNumber"],
    )


def _shown(known: HashData) -> dict[str, str]:
    return {
        "hashAlgorithm": known.algorithm.value,
        "issuerNameHash": known.issuer_name_hash,
        "issuerKeyHash": known.issuer_key_hash,
        "serialNumber": known.serial_number,
    }


def trigger_sign_certificate(
    engine: ChargePoint, _connector: int | None
) -> Callable[[], None] | None:
    """§6.16. Without a CpoName there is nothing to ask for (A02, prerequisites)."""
    return engine.security.renewal.begin if engine.security.renewal.possible else None


EXTENDED_TRIGGERS = {"SignChargePointCertificate": trigger_sign_certificate}
HANDLERS = {
    "InstallCertificate": install_certificate,
    "DeleteCertificate": delete_certificate,
    "GetInstalledCertificateIds": get_installed_certificate_ids,
    "CertificateSigned": certificate_signed,
}
