"""Tokens in OCPP 1.6: Authorize (§4.1), IdTagInfo (§7.20), and remote starts as tokens."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from evse.types.authorization import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
)
from ocpp_link.records import Message, Verdict

ID_TAG_CHARS = 20  # §7.21 CiString20Type


def authorize(token: str) -> Message:
    return Message("Authorize", {"idTag": token})


def verdict_of(info: dict[str, Any]) -> Verdict:
    """What an idTagInfo says."""
    return Verdict(
        status=AuthorizationStatus(info["status"]),
        parent=info.get("parentIdTag") or "",
        expiry=info.get("expiryDate") or "",
    )


def remote_token(id_tag: str, connector: int | None) -> ProvidedIdToken:
    """The idTag of a RemoteStartTransaction as a presented token."""
    return ProvidedIdToken(
        id_token=IdToken(value=id_tag, type=IdTokenType.Central),
        authorization_type=AuthorizationType.OCPP,
        connectors=UNSET if connector is None else (connector,),
    )
