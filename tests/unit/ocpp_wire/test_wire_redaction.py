"""No secret reaches a log, however it is wrapped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.support.redaction import HIDDEN
from ocpp_link.wire.redaction import Redaction

SECRET = "s3cr3t-0123456789"
PEM = f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----\n"

CARRIERS: list[Any] = [
    {"key": "AuthorizationKey", "value": SECRET},
    {"key": "authorizationkey", "value": SECRET},
    {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]},
    {
        "setVariableData": [
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": SECRET,
            }
        ]
    },
    {
        "reportData": [
            {
                "variable": {"name": "BasicAuthPassword"},
                "variableAttribute": [{"type": "Actual", "value": SECRET}],
            }
        ]
    },
    {"eventData": [{"variable": {"name": "SimPin"}, "actualValue": SECRET}]},
    {"connectionData": {"apn": {"apnPassword": SECRET, "simPin": 1234, "apn": "internet"}}},
    {"connectionData": {"vpn": {"key": SECRET, "password": SECRET, "server": "here"}}},
    {"connectionData": {"basicAuthPassword": SECRET}},
    {"location": f"ftp://station:{SECRET}@files.example/log"},
    {"certificate": PEM},
    {"vendorId": "x", "data": json.dumps({"privateKey": PEM, "password": SECRET})},
    {"data": json.dumps({"data": json.dumps({"key": "AuthorizationKey", "value": SECRET})})},
    {"data": f'{{"password": "{SECRET}", torn'},
    {"cause": f"Payload '{{'key': 'AuthorizationKey', 'value': '{SECRET}'}}' is not valid"},
    ["4", "GenericError", f"the password {SECRET} is too short", {}],
    [[[{"deep": {"password": {"inner": SECRET}}}]]],
]


@pytest.mark.parametrize("carrier", CARRIERS, ids=range(len(CARRIERS)))
def test_a_secret_is_hidden_and_the_rest_stays(carrier: Any) -> None:
    redaction = Redaction()
    assert redaction.concerns(json.dumps(carrier))
    written = json.dumps(redaction.value(carrier))
    assert SECRET not in written
    assert HIDDEN in written


def test_what_is_no_secret_stays() -> None:
    told = {
        "key": ["AuthorizationKey", "HeartbeatInterval"],
        "connectionData": {"apn": {"apn": "internet", "apnPassword": SECRET}},
        "location": f"ftp://station:{SECRET}@files.example/log",
    }
    assert Redaction().value(told) == {
        "key": ["AuthorizationKey", "HeartbeatInterval"],
        "connectionData": {"apn": {"apn": "internet", "apnPassword": HIDDEN}},
        "location": f"ftp://station:{HIDDEN}@files.example/log",
    }


def test_json_escapes_hide_nothing_from_the_redaction() -> None:
    text = '{"key":"Authorization\\u004bey","value":"x"}'
    assert Redaction().concerns(text)
    assert Redaction().value(json.loads(text)) == {"key": "AuthorizationKey", "value": HIDDEN}
    assert Redaction().concerns(r'{"location":"ftp:\/\/a:b@c"}')


def test_tokens_are_hidden_on_request_only() -> None:
    """Who charged is personal data; a back office's developer wants to see it."""
    start = {"idTag": "04A1", "connectorId": 1, "idTagInfo": {"parentIdTag": "P", "status": "x"}}
    assert Redaction().value(start) == start
    hidden = Redaction(hide_tokens=True)
    assert hidden.concerns(json.dumps(start))
    assert hidden.value(start) == {
        "idTag": HIDDEN,
        "connectorId": 1,
        "idTagInfo": {"parentIdTag": HIDDEN, "status": "x"},
    }
    event = {"idToken": {"idToken": "04A1", "type": "ISO14443"}}
    assert hidden.value(event) == {"idToken": {"idToken": HIDDEN, "type": "ISO14443"}}
    sealed = {"value": json.dumps({"signedMeterData": "T0NNRg==", "encodingMethod": "OCMF"})}
    assert hidden.concerns(json.dumps(sealed))
    assert json.loads(hidden.value(sealed)["value"]) == {
        "signedMeterData": HIDDEN,
        "encodingMethod": "OCMF",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["key", "value", "vpn", "password", "idTag", "data", "name"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_what_concerns_nothing_is_left_alone_and_twice_is_once(value: Any, hide: bool) -> None:
    """The quick look may say `maybe` too often, and never `no` wrongly."""
    redaction = Redaction(hide_tokens=hide)
    found = redaction.value(value)
    assert redaction.concerns(json.dumps(value, ensure_ascii=False)) or found == value
    assert redaction.value(found) == found


@given(JSON)
def test_a_secret_deep_in_anything_is_hidden(around: Any) -> None:
    wrapped = {"payload": [around, {"password": SECRET}, json.dumps({"SimPin": SECRET})]}
    assert SECRET not in json.dumps(Redaction().value(wrapped))
