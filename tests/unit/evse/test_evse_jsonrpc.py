"""JSON-RPC 2.0 lines: what is read, what is refused, and that an error names the field."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from evse.door import jsonrpc
from evse.door.jsonrpc import RpcError
from evse.door.params import AuthorizeResponse, ConnectorParams, SetExternalLimits


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", jsonrpc.PARSE_ERROR),
        (b"{", jsonrpc.PARSE_ERROR),
        (b"\xff\xfe", jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":"\xff","method":"x"}', jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 100_000, jsonrpc.PARSE_ERROR),
        (b"[]", jsonrpc.INVALID_REQUEST),
        (b' [{"jsonrpc":"2.0","method":"x"}]', jsonrpc.INVALID_REQUEST),
        (b"null", jsonrpc.INVALID_REQUEST),
        (b'"text"', jsonrpc.INVALID_REQUEST),
        (b"{}", jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"1.0","id":1,"method":"x"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"x"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', jsonrpc.INVALID_REQUEST),
    ],
)
def test_a_line_that_is_no_message_is_refused_in_words(line: bytes, code: int) -> None:
    with pytest.raises(RpcError) as caught:
        jsonrpc.decode(line)
    assert caught.value.code == code
    assert len(caught.value.message) > 5


@pytest.mark.parametrize(
    ("type_", "params", "field"),
    [
        (ConnectorParams, {}, "connector_id"),
        (ConnectorParams, {"connector_id": "1"}, "connector_id"),
        (ConnectorParams, {"connector_id": 1, "evse": 1.5}, "evse"),
        (ConnectorParams, {"connector_id": 1, "colour": 1}, "colour"),
        (ConnectorParams, [1], "params"),
        (ConnectorParams, None, "params"),
        (AuthorizeResponse, {"provided_token": {}}, "provided_token.id_token"),
        (
            AuthorizeResponse,
            {"provided_token": {"id_token": {"value": "x" * 37, "type": "Local"}}},
            "provided_token.id_token.value",
        ),
        (
            AuthorizeResponse,
            {"provided_token": {"id_token": {"value": "x", "type": "Passport"}}},
            "provided_token.id_token.type",
        ),
        (
            SetExternalLimits,
            {"value": {"schedule_import": [{"timestamp": "now"}]}},
            "value.schedule_import[0].timestamp",
        ),
    ],
)
def test_an_error_names_the_bad_field(type_: type[Any], params: Any, field: str) -> None:
    with pytest.raises(RpcError) as caught:
        jsonrpc.decode_params(Raw(msgspec.json.encode(params)), type_)
    assert caught.value.code == jsonrpc.INVALID_PARAMS
    assert caught.value.data == {"field": field}


def test_absent_params_are_the_defaults() -> None:
    class Nothing(msgspec.Struct, forbid_unknown_fields=True): ...

    assert jsonrpc.decode_params(msgspec.UNSET, Nothing) == Nothing()


@pytest.mark.parametrize("raw", [b"5", b"{}", b'{"code":"x"}', b'{"code":1}', b'"\\ud800"'])
def test_an_error_of_any_shape_becomes_an_error(raw: bytes) -> None:
    error = jsonrpc.decode_error(Raw(raw))
    assert error.code == jsonrpc.INTERNAL_ERROR
    assert "without a shape" in error.message


@given(st.integers() | st.text(), st.text(), st.dictionaries(st.text(), st.integers()))
def test_what_is_written_is_one_line_and_reads_back(
    call_id: int | str, method: str, params: dict[str, int]
) -> None:
    line = jsonrpc.request(call_id, method, params)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    message = jsonrpc.decode(line)
    assert (message.id, message.method) == (call_id, method)
    assert isinstance(message.params, Raw)
    assert jsonrpc.decode_value(message.params) == params
    failed = jsonrpc.decode(jsonrpc.failure(call_id, RpcError(-1, method, params)))
    assert isinstance(failed.error, Raw)
    error = jsonrpc.decode_error(failed.error)
    assert (error.code, error.message, error.data) == (-1, method, params)


@given(st.binary(max_size=200))
def test_random_bytes_are_a_message_or_an_error(line: bytes) -> None:
    try:
        jsonrpc.decode(line)
    except RpcError as error:
        jsonrpc.failure(None, error)
