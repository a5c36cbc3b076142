"""What is read off a presented token. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from evse.types.authorization import (
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)


def free_token(value: str) -> ProvidedIdToken:
    """What a station that asks nobody charges on (spec §C4)."""
    return ProvidedIdToken(
        id_token=IdToken(value=value, type=IdTokenType.Local),
        authorization_type=AuthorizationType.RFID,
        prevalidated=True,
    )


def key_of(token: ProvidedIdToken) -> str:
    """Two presentations of one token have the same."""
    return token.id_token.value.casefold()


def candidates(token: ProvidedIdToken, known: Iterable[int]) -> list[int]:
    """The EVSEs of the station that the token may be meant for: those it names, or all."""
    named = token.connectors if isinstance(token.connectors, tuple) else ()
    return [evse for evse in known if evse in named] if named else list(known)


def parent_of(token: ProvidedIdToken) -> str:
    """The group of a token; empty where it has none."""
    parent = token.parent_id_token
    return parent.value if isinstance(parent, IdToken) else ""


def with_parent(token: ProvidedIdToken, result: ValidationResult) -> ProvidedIdToken:
    """The token with the group that its validator knows; without one, with the one it came with."""
    if isinstance(result.parent_id_token, UnsetType):
        return token
    return msgspec.structs.replace(token, parent_id_token=result.parent_id_token)


def reservation_of(result: ValidationResult) -> int | None:
    """The reservation that the validator names."""
    given = result.reservation_id
    return None if isinstance(given, UnsetType) else given


def may_stop(token: ProvidedIdToken) -> bool:
    """A remote start never ends a transaction: the back office has a request of its own."""
    return token.authorization_type is not AuthorizationType.OCPP


def is_named(id_token: IdToken | UnsetType, token: ProvidedIdToken) -> bool:
    """Is `token` meant, where UNSET means any?"""
    return id_token is UNSET or token.id_token.same_as(id_token)
