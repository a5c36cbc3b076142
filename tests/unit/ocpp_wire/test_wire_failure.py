"""What went wrong, in words that say what to look at."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError, InvalidMessage, NegotiationError
from websockets.frames import Close

from ocpp_link.wire.address import address
from ocpp_link.wire.failure import MAX_WORDS, AttemptFailed, Failure, Phase, explain

HERE = address("wss://office.example", "CP")


def certificate_error(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    error.verify_message = message
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "phase", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), Phase.DNS, "no name server knows office.example"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), Phase.DNS, "no name server answers"),
        (certificate_error(10), Phase.TLS, "has expired"),
        (certificate_error(9), Phase.TLS, "clock"),
        (certificate_error(18), Phase.TLS, "signed by itself"),
        (certificate_error(20), Phase.TLS, "authority that is not installed here"),
        (certificate_error(62), Phase.TLS, "another host name"),
        (certificate_error(99, "odd"), Phase.TLS, "can not be trusted: odd"),
        (tls_error("WRONG_VERSION_NUMBER"), Phase.TLS, "speaks no TLS"),
        (tls_error("UNSUPPORTED_PROTOCOL"), Phase.TLS, "too old"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), Phase.TLS, "cipher suite"),
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), Phase.TLS, "wants a certificate"),
        (tls_error("SOMETHING_NEW"), Phase.TLS, "SOMETHING_NEW"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Phase.TCP, "nothing listens there"),
        (OSError(errno.ENETUNREACH, "x"), Phase.TCP, "no network leads there"),
        (OSError(errno.EIO, "Input/output error"), Phase.TCP, "Input/output error"),
        (TimeoutError(), Phase.TCP, "did not answer in time"),
        (InvalidMessage("x"), Phase.HTTP, "does not speak HTTP"),
        (NegotiationError("unsupported subprotocol: x"), Phase.SUBPROTOCOL, "not offered"),
        (ConnectionClosedError(None, None), Phase.OPEN, "broke"),
        (ConnectionClosedError(Close(1008, "who?"), None), Phase.OPEN, "with 1008: who?"),
        (AttemptFailed(Failure(Phase.SUBPROTOCOL, "as said")), Phase.SUBPROTOCOL, "as said"),
        (KeyError("x"), Phase.TCP, "KeyError"),
    ],
)
def test_each_error_has_its_phase_and_its_words(
    error: BaseException, phase: Phase, words: str
) -> None:
    found = explain(Phase.OPEN if phase is Phase.OPEN else Phase.TCP, error, HERE)
    assert (found.phase, words in found.words) == (phase, True), found


@given(st.text(max_size=2_000))
def test_what_a_server_says_can_not_flood_the_log(reason: str) -> None:
    found = explain(Phase.TCP, OSError(errno.EIO, reason), HERE)
    assert 0 < len(found.words) <= MAX_WORDS
