"""Secrets are found by name, looks and value; tokens become names that nobody guesses back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evse.support.redaction import (
    HIDDEN,
    Prose,
    pseudonyms,
    redacted,
    tokens_in,
    without_credentials,
)

NAMED = pseudonyms(b"key")
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI\n-----END EC PRIVATE KEY-----\n"


def test_a_token_is_hidden_and_with_pseudonyms_told_apart() -> None:
    event = {"id_token": {"value": "DEADBEEF", "type": "ISO14443"}, "token_type": "RFID"}
    assert redacted(event) == {
        "id_token": {"value": HIDDEN, "type": HIDDEN},
        "token_type": HIDDEN,
    }
    shown = redacted(event, pseudonym=NAMED)
    assert shown == {
        "id_token": {"value": NAMED("deadbeef"), "type": "ISO14443"},
        "token_type": "RFID",
    }
    assert NAMED("DEADBEEF") != NAMED("DEADBEEE")
    assert NAMED("DEADBEEF") != pseudonyms(b"other")("DEADBEEF")


def test_a_password_is_hidden_also_beside_pseudonyms_and_as_a_number() -> None:
    found = redacted({"password": {"type": "x"}, "console_pin": 123456}, pseudonym=NAMED)
    assert found == {"password": {"type": HIDDEN}, "console_pin": HIDDEN}


def test_lists_of_tokens_are_named_and_groups_too() -> None:
    table = {"tokens": ["AABBCC", "DDEEFF"], "master_pass_group_id": "STAFF"}
    found = redacted(table, pseudonym=NAMED)
    assert found == {
        "tokens": [NAMED("AABBCC"), NAMED("DDEEFF")],
        "master_pass_group_id": NAMED("STAFF"),
    }


def test_what_a_meter_signed_is_hidden_for_it_names_the_customer() -> None:
    event = {"signed_meter_value": {"signed_meter_data": "OCMF|{}|{}", "encoding_method": "OCMF"}}
    for pseudonym in (None, NAMED):
        assert redacted(event, pseudonym=pseudonym) == {
            "signed_meter_value": {"signed_meter_data": HIDDEN, "encoding_method": "OCMF"}
        }


def test_a_private_key_and_a_password_in_a_url_go_wherever_they_stand() -> None:
    text = f"fetch ftp://joe:s3cr@et@host/x\n{PEM}done"
    assert without_credentials(text) == f"fetch ftp://joe:{HIDDEN}@host/x\n{HIDDEN}\ndone"
    assert without_credentials(PEM[:40]) == HIDDEN
    assert redacted({"location": "ftp://joe:s3cret@host"}) == {
        "location": f"ftp://joe:{HIDDEN}@host"
    }


def test_what_is_nested_too_deeply_is_hidden_unread() -> None:
    value: Any = "harmless"
    for _ in range(100):
        value = [value]
    assert "harmless" not in json.dumps(redacted(value))


def test_prose_is_cleaned_of_known_tokens_in_any_case_and_of_secrets() -> None:
    prose = Prose(NAMED, tokens=("DeadBeef", "DE-ABC-C1", "no"), secrets=("p@ss w0rd",))
    said = "card deadbeef;DE-abc-C1 says 'p@ss w0rd', and no DEADBEEF1"
    assert prose.clean(said) == (
        f"card {NAMED('deadbeef')};{NAMED('DE-ABC-C1')} says '{HIDDEN}', and no DEADBEEF1"
    )


@settings(max_examples=30)
@given(st.recursive(st.text(max_size=8), lambda s: st.dictionaries(st.text(max_size=4), s)))
def test_every_token_that_is_found_is_gone_after_redaction(inner: Any) -> None:
    value = {"note": inner, "idTag": inner}
    shown = redacted(value, pseudonym=NAMED)
    found = tokens_in(value)
    assert not found or tokens_in(shown) == {NAMED(token) for token in found}
