"""What must not leave the station: keys, passwords, PINs, private keys, and the tokens of people.

Pure. A secret is known by the name it stands under, by its looks (PEM, the user and password in a
URL), and, in prose, by its value: whoever packs texts that have no names gathers the values first.
Used by the bundle of `evse support`, by the diagnostics for the back office and by the log of its
frames.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from typing import Any

HIDDEN = "***"
MAX_DEPTH = 50
"""Of members in members: what is deeper is hidden unread."""
MIN_TOKEN_CHARS = 4
"""A shorter one is no secret that prose could be searched for."""

_TOKENS = r"token|id_?tag|group_?id"
_TOKEN = re.compile(_TOKENS, re.I)
_SEALED = r"signed_?meter_?data"
"""The customer stands in what a meter signed, and none of it can be changed and still be valid."""
_SECRET = re.compile(
    rf"pass(word|phrase)|secret|(^|[_-])key[_-]|key$|pin$|{_SEALED}|{_TOKENS}", re.I
)
_KIND = frozenset({"type", "token_type", "authorization_type"})
"""Members that tell what kind of token it is."""
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.S
)
_BLANKLESS = re.compile(r"\S+")
_ALNUM = re.compile(r"[A-Za-z0-9]+")

Pseudonym = Callable[[str], str]
"""What stands for a token, the same for the same one."""


def pseudonyms(key: bytes) -> Pseudonym:
    """Names that tell two tokens apart, and that nobody without `key` can guess back."""

    def name(token: str) -> str:
        digest = hmac.new(key, token.lower().encode(), hashlib.sha256).hexdigest()
        return f"token-{digest[:10]}"

    return name


def redacted(value: Any, name: str = "", pseudonym: Pseudonym | None = None) -> Any:
    """`value`, of JSON, with every text and number hidden whose name sounds secret, however deep;
    a token's value gets its pseudonym instead where there are any."""
    return _redacted(value, name, pseudonym, 0)


def _redacted(value: Any, name: str, pseudonym: Pseudonym | None, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return HIDDEN
    if isinstance(value, dict):
        return {
            key: _redacted(member, _name(name, str(key), pseudonym), pseudonym, depth + 1)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(member, name, pseudonym, depth + 1) for member in value]
    if value is None or value == "" or isinstance(value, bool):
        return value
    if pseudonym is not None and _TOKEN.search(name) and isinstance(value, str):
        return pseudonym(value)
    if _SECRET.search(name):
        return HIDDEN
    return without_credentials(value) if isinstance(value, str) else value


def _name(outer: str, inner: str, pseudonym: Pseudonym | None) -> str:
    """What is inside something secret is secret too. Beside a pseudonym, the kind of token may be
    told."""
    token = _TOKEN.search(outer) or _TOKEN.search(inner)
    if pseudonym is not None and inner in _KIND and token:
        return ""
    return outer if _SECRET.search(outer) else inner


def without_credentials(text: str) -> str:
    """`text` without private keys, and its URLs without passwords."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(HIDDEN, text)
    return _BLANKLESS.sub(_without_password, text) if "://" in text and "@" in text else text


def _without_password(word: re.Match[str]) -> str:
    """Of a URL, up to the last @: many a password holds one, or a slash, that nobody has escaped.
    By hand, for no expression finds this in a time that grows with the text alone."""
    scheme, _, rest = word[0].partition("://")
    authority, _, host = rest.rpartition("@")
    user, colon, _ = authority.partition(":")
    return f"{scheme}://{user}:{HIDDEN}@{host}" if colon else word[0]


def tokens_in(value: Any, name: str = "", within: bool = False, depth: int = 0) -> set[str]:
    """Every token in `value`, of JSON: a text under the name of a token, or the value in one. None
    from so deep that `redacted` hides it."""
    if depth > MAX_DEPTH:
        return set()
    if isinstance(value, dict):
        inside = within or _TOKEN.search(name) is not None
        found = (
            tokens_in(member, str(key), inside, depth + 1)
            for key, member in value.items()
            if key not in _KIND
        )
        return set().union(*found)
    if isinstance(value, list | tuple):
        return set().union(*(tokens_in(member, name, within, depth + 1) for member in value))
    named = _TOKEN.search(name) or (within and name == "value")
    return {value} if named and isinstance(value, str) and value else set()


class Prose:
    """Finds known secrets in texts where nothing stands under a name."""

    def __init__(
        self, pseudonym: Pseudonym, *, tokens: Iterable[str] = (), secrets: Iterable[str] = ()
    ) -> None:
        """`tokens` get their pseudonyms, whatever their case; `secrets` are hidden."""
        self._pseudonym = pseudonym
        known = {token.lower() for token in tokens if len(token) >= MIN_TOKEN_CHARS}
        self._words = {token for token in known if _ALNUM.fullmatch(token)}
        odd = sorted(known - self._words, key=len, reverse=True)
        self._odd = re.compile("|".join(map(re.escape, odd)), re.I) if odd else None
        self._secrets = sorted((s for s in secrets if s), key=len, reverse=True)

    def clean(self, text: str) -> str:
        """`text` as it may leave the station."""
        text = without_credentials(text)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        if self._odd is not None:
            text = self._odd.sub(lambda found: self._pseudonym(found[0]), text)
        return _ALNUM.sub(self._word, text) if self._words else text

    def _word(self, found: re.Match[str]) -> str:
        word = found[0]
        return self._pseudonym(word) if word.lower() in self._words else word
