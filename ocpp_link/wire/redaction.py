"""What must not stand in a log: keys, passwords, PINs, private keys; on request, tokens. Pure.

A secret is known by the field it stands in, by the name of the setting whose value it is (OCPP 1.6
configuration keys, 2.x variables), or by its looks (PEM, the password in a URL, prose about it).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from evse.support.redaction import HIDDEN, Pseudonym, without_credentials

MAX_DEPTH = 50
"""Of JSON in strings in JSON …: what is deeper is hidden unread."""
SECRET_NAMES = frozenset(
    {
        "authorizationkey",
        "basicauthpassword",
        "apnpassword",
        "vpnpassword",
        "vpnkey",
        "simpin",
        "password",
        "privatekey",
    }
)
"""In small letters: of fields, and of settings whose values are secret."""
NAMING_FIELDS = ("key", "name")
VALUE_FIELDS = frozenset({"value", "attributevalue", "actualvalue"})
NAMING_TOKENS = frozenset({"idtag", "parentidtag", "idtoken", "additionalidtoken"})
TOKEN_FIELDS = NAMING_TOKENS | {"signedmeterdata"}
"""What a meter signed names the customer."""
_PRIVATE = re.compile(r"PRIVATE KEY", re.IGNORECASE)
_SUSPECT = ("authorizationkey", "password", "vpn", "simpin", "private", "\\u", "\\/")
"""With a JSON escape any of the words may be spelt differently."""
_TOKEN = ("idtag", "idtoken", "signedmeterdata")


class Redaction:
    """`text` and `value` return what may be written; both leave what is harmless as it is."""

    def __init__(
        self, *, hide_tokens: bool = False, pseudonym: Pseudonym = lambda _token: HIDDEN
    ) -> None:
        """With `hide_tokens`, who charged is not told, either: `pseudonym` stands for a token."""
        self._hide_tokens = hide_tokens
        self._pseudonym = pseudonym
        self._suspect = _SUSPECT + _TOKEN if hide_tokens else _SUSPECT

    def concerns(self, text: str) -> bool:
        """False: there is certainly nothing to hide in this JSON text, so it need not be read."""
        small = text.lower()
        return ("://" in small and "@" in small) or any(word in small for word in self._suspect)

    def value(self, value: Any) -> Any:
        """A decoded JSON value, without its secrets."""
        return self._value(value, secret=False, depth=0)

    def unreadable(self, text: str) -> str:
        """Text that is no JSON: all of it, or nothing."""
        return HIDDEN if self.concerns(text) else text

    def _value(self, value: Any, *, secret: bool, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return HIDDEN
        if isinstance(value, dict):
            return self._object(value, secret=secret, depth=depth)
        if isinstance(value, list):
            return [self._value(item, secret=secret, depth=depth + 1) for item in value]
        if isinstance(value, str):
            return self._string(value, depth)
        return value

    def _object(self, value: dict[str, Any], *, secret: bool, depth: int) -> dict[str, Any]:
        secret = secret or _names_a_secret(value)
        found = {}
        for field, inner in value.items():
            small = field.lower()
            if self._is_hidden(small, inner) or (secret and small in VALUE_FIELDS):
                found[field] = self._pseudonym(inner) if small in NAMING_TOKENS else HIDDEN
            elif small == "vpn" and isinstance(inner, dict):
                found[field] = self._vpn(inner, depth)
            else:
                found[field] = self._value(inner, secret=secret, depth=depth + 1)
        return found

    def _vpn(self, value: dict[str, Any], depth: int) -> Any:
        """A pre-shared key stands in a field that is called `key` (2.0.1 part 2, VPNType)."""
        hidden = {field: HIDDEN for field in value if field.lower() == "key"}
        return self._value({**value, **hidden}, secret=False, depth=depth + 1)

    def _is_hidden(self, field: str, value: Any) -> bool:
        if field in TOKEN_FIELDS:
            return self._hide_tokens and isinstance(value, str)
        return field in SECRET_NAMES

    def _string(self, text: str, depth: int) -> str:
        if _PRIVATE.search(text):
            return HIDDEN
        if text[:1] in ("{", "[") and self.concerns(text):
            try:
                inner = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return self.unreadable(text)
            return msgspec.json.encode(self._value(inner, secret=False, depth=depth + 1)).decode()
        if _speaks_of_a_secret(text):
            return HIDDEN
        return without_credentials(text)


def _speaks_of_a_secret(text: str) -> bool:
    """More than its name: error texts like to quote the payload that they complain of."""
    small = text.lower()
    return small not in SECRET_NAMES and any(name in small for name in SECRET_NAMES)


def _names_a_secret(value: dict[str, Any]) -> bool:
    """`{"key": "AuthorizationKey", …}`, or `{"variable": {"name": "BasicAuthPassword"}, …}`."""
    variable = value.get("variable")
    if isinstance(variable, dict) and _names_a_secret(variable):
        return True
    names = (value.get(field) for field in NAMING_FIELDS)
    return any(isinstance(name, str) and name.strip().lower() in SECRET_NAMES for name in names)
