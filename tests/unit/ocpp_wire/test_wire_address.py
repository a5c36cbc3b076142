"""URL forms and identities, as people write them."""

from __future__ import annotations

import contextlib
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.wire.address import MAX_IDENTITY_CHARS, Address, address, cautions, identity_problem


@pytest.mark.parametrize(
    ("url", "identity", "whole"),
    [
        (
            "ws://centralsystem.example.com/ocpp",
            "CP001",
            "ws://centralsystem.example.com/ocpp/CP001",
        ),
        (
            "wss://centralsystem.example.com/ocppj",
            "RDAM 123",
            "wss://centralsystem.example.com/ocppj/RDAM%20123",
        ),
        ("wss://host:9000/a/b/", "CP", "wss://host:9000/a/b/CP"),
        ("wss://host/a///", "CP", "wss://host/a/CP"),
        ("ws://host", "CP", "ws://host/CP"),
        ("host", "CP", "ws://host/CP"),
        ("host:9000", "CP", "ws://host:9000/CP"),
        ("host:9000/ocpp", "CP", "ws://host:9000/ocpp/CP"),
        ("10.0.0.7/ocpp", "CP", "ws://10.0.0.7/ocpp/CP"),
        ("WSS://Host.Example:443/OCPP", "CP", "wss://host.example/OCPP/CP"),
        ("  ws://host/ocpp\n", "CP", "ws://host/ocpp/CP"),
        ("ws://[::1]:9000/o", "CP", "ws://[::1]:9000/o/CP"),
        ("ws://[::1]", "CP", "ws://[::1]/CP"),
        ("ws://host/o?tenant=7", "CP", "ws://host/o/CP?tenant=7"),
        ("ws://host/o", "A/Ü+1", "ws://host/o/A%2F%C3%9C%2B1"),
    ],
)
def test_3_1_1_every_form_of_a_url_becomes_one_connection_url(
    url: str, identity: str, whole: str
) -> None:
    """OCPP-J 1.6 §3.1.1: the identity is appended to the path, percent-encoded."""
    assert address(url, identity).url == whole


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no ws:// or wss:// URL"),
        ("ws://", "no ws:// or wss:// URL"),
        ("ftp://host", "no ws:// or wss:// URL"),
        ("http://host/ocpp", "begins ws://"),
        ("https://host/ocpp", "begins wss://"),
        ("ws://me:secret@host", "user name"),
        ("ws://host/#part", "fragment"),
        ("ws://host:0/", "port"),
        ("ws://host:70000/", "port"),
        ("ws://host:abc/", "port"),
        ("ws://ho st/", "space"),
        ("ws://host/\x00", "control"),
        ("ws://[::1/", "Invalid"),
    ],
)
def test_what_is_no_address_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        address(url, "CP")
    with pytest.raises(ValueError) as raised:
        address(url, "CP")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("", "empty"),
        ("A:B", "colon"),
        ("C" * (MAX_IDENTITY_CHARS + 1), "49 characters"),
        ("A\nB", "control"),
    ],
)
def test_3_1_1_an_identity_that_can_not_be_one_is_refused(identity: str, words: str) -> None:
    """OCPP 2.0.1 part 4 §3.1.1: at most 48 characters, no colon (it ends a user name)."""
    assert words in identity_problem(identity)
    with pytest.raises(ValueError, match=words):
        address("ws://host", identity)


def test_an_identity_that_older_back_offices_cut_is_cautioned_of() -> None:
    assert cautions("ws://host", "C" * 25) == []
    assert "older" in cautions("ws://host", "C" * 26)[0]
    assert "percent-encoded" in cautions("ws://host", "CP 1")[0]
    assert "ends with the identity" in cautions("ws://host/ocpp/CP1/", "CP1")[0]


def test_an_address_knows_what_a_connection_needs() -> None:
    found = address("host", "CP")
    assert found == Address("ws://host/CP", "host", 80, False)
    assert (found.is_literal, found.place) == (False, "host:80")
    found = address("wss://[fe80::1%25eth0]/x", "CP")
    assert (found.port, found.secure, found.is_literal) == (443, True, True)


@given(st.text(min_size=1, max_size=MAX_IDENTITY_CHARS).filter(lambda x: not identity_problem(x)))
def test_the_server_reads_back_the_very_identity(identity: str) -> None:
    path = urlsplit(address("wss://host/ocpp/", identity).url).path
    assert unquote(path.rpartition("/")[2]) == identity


@given(st.text(max_size=80))
def test_any_text_is_an_address_that_stays_itself_or_a_valueerror(url: str) -> None:
    with contextlib.suppress(ValueError):
        found = address(url, "CP")
        whole = urlsplit(found.url)
        assert address(whole._replace(path=whole.path.removesuffix("/CP")).geturl(), "CP") == found
