"""What an examination finds, and what to change. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from ocpp_link.wire.failure import Failure, Phase

HTTP_ADVICE = {
    400: "ask the back office which path and which OCPP versions it serves",
    401: "check identity and AuthorizationKey, and that the back office has this pair: a key that "
    "is written in hexadecimal digits there is to be decoded before it goes into the key file",
    403: "ask the back office to admit this identity",
    404: "check the path, and that the back office knows this identity, spelt exactly so",
    426: "check the port and the path: the address answers, but not as a WebSocket",
    429: "wait; several stations may use this identity",
}
PHASE_ADVICE = {
    Phase.ADDRESS: "write it as wss://host/path, without the identity",
    Phase.DNS: "check the spelling of the host, the name server of this network, and that there "
    "is a network at all",
    Phase.TCP: "check port, cable, modem and firewall; from the back office's side, that the "
    "service runs",
    Phase.TLS: "ask the back office which versions and cipher suites of TLS it takes",
    Phase.HTTP: "ask the back office what it wants of a station's handshake",
    Phase.SUBPROTOCOL: "ask the back office which OCPP versions it speaks, and configure one",
    Phase.OPEN: "ask the back office why it ends the connection",
}


OWN_CERTIFICATE_ADVICE = (
    "ask the back office whether it wants security profile 3; if so, name certificate_file and "
    "certificate_key_file in [ocpp.security]"
)
WORDS_ADVICE = {
    Phase.ADDRESS: {
        "the identity": "give the station another identity, here and in the back office",
    },
    Phase.TCP: {
        "interface": "name a network interface of this machine: `ip link` lists them",
    },
    Phase.TLS: {
        "wildcard": "set wildcards = true in [ocpp.security], or let the back office have a "
        "certificate for this very host name",
        "is not valid yet": "set this machine's clock",
        "has expired": "let the back office renew it, or set this machine's clock",
        "host name": "write the URL with a name that the certificate is for, or let the back "
        "office have one for this name",
        "IP address": "write the URL with a name that the certificate is for",
        "comes without": "let the back office send the authorities between, too",
        "installed here": "name the authority's root in csms_roots_file of [ocpp.security], or by "
        "--ca",
        "ws://": "write the URL with ws://, or with the port for wss://",
        "certificate of this station": OWN_CERTIFICATE_ADVICE,
        "this station's certificate": "ask the back office which authority has to sign it",
        "is for another key": "let certificate_file and certificate_key_file be of one pair",
    },
    Phase.HTTP: {
        "port for wss://": "write the URL with wss://",
        "certificate of this station": OWN_CERTIFICATE_ADVICE,
    },
}
"""By the phase in which it ended, and what its words hold."""
CLOCK_NOTE_S = 10
CLOCK_PROBLEM_S = 300


class Verdict(enum.Enum):
    """How bad it is."""

    GOOD = "ok"
    NOTE = "note"
    """It works, and somebody should know this."""
    PROBLEM = "PROBLEM"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one step."""

    step: str
    verdict: Verdict
    words: str
    """A sentence; no secret is in it."""
    advice: str = ""
    """What to change; empty where nothing is to be changed."""


def good(step: str, words: str) -> Finding:
    return Finding(step, Verdict.GOOD, words)


def note(step: str, words: str, advice: str = "") -> Finding:
    return Finding(step, Verdict.NOTE, words, advice)


def problem(step: str, words: str, advice: str) -> Finding:
    return Finding(step, Verdict.PROBLEM, words, advice)


def of_failure(failure: Failure) -> Finding:
    """Why an attempt failed, and what to do about it."""
    advice = HTTP_ADVICE.get(failure.status) or PHASE_ADVICE[failure.phase]
    by_words = WORDS_ADVICE.get(failure.phase, {})
    advice = next((told for words, told in by_words.items() if words in failure.words), advice)
    step = "authentication" if failure.status in (401, 403) else failure.phase.value
    return problem(step, failure.words, advice)


def judged_clock(ahead_s: float) -> Finding:
    """How far this machine's clock is ahead of the back office's."""
    words = f"this clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} theirs"
    advice = "set this machine's clock, by NTP if there is a network time server"
    if abs(ahead_s) >= CLOCK_PROBLEM_S:
        return problem("clock", words, advice)
    if abs(ahead_s) >= CLOCK_NOTE_S:
        return note("clock", words, advice)
    return good("clock", words)


def exit_code(findings: Iterable[Finding]) -> int:
    """0: a station can work with this; 1: it can not."""
    return int(any(finding.verdict is Verdict.PROBLEM for finding in findings))


def report(finding: Finding) -> str:
    """A finding as one or two lines of a terminal."""
    head = f"{finding.verdict.value:<8} {finding.step:<15} {finding.words}"
    return f"{head}\n{'':24} → {finding.advice}" if finding.advice else head
