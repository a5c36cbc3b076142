"""Local authorization list."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_v201 import OTHER_TAG, TAG, Bench201, id_token

VERSION = 7
GOOD = {"status": "Accepted"}


@pytest.fixture
def listed(bench: Bench201) -> Bench201:
    """*IdTokenLocalAuthList*: one token is on the list."""
    send(bench, "Full", VERSION, [{"idToken": id_token(TAG), "idTokenInfo": GOOD}])
    return bench


def send(
    bench: Bench201,
    kind: str,
    version: int,
    entries: list[dict[str, Any]],
    status: str = "Accepted",
) -> None:
    more = {"localAuthorizationList": entries} if entries else {}
    bench.answered(status, "SendLocalList", versionNumber=version, updateType=kind, **more)


def version_is(bench: Bench201, version: int) -> None:
    assert bench.call("GetLocalListVersion") == {"versionNumber": version}


def test_TC_D_01_CS(bench: Bench201) -> None:
    """Send the list whole."""
    send(bench, "Full", VERSION, [{"idToken": id_token(TAG), "idTokenInfo": GOOD}])
    version_is(bench, VERSION)


def test_TC_D_02_CS(listed: Bench201) -> None:
    """Send a difference that adds a token."""
    entry = {"idToken": id_token(OTHER_TAG), "idTokenInfo": GOOD}
    send(listed, "Differential", VERSION + 1, [entry])
    version_is(listed, VERSION + 1)


def test_TC_D_03_CS(listed: Bench201) -> None:
    """Send a difference that removes a token."""
    send(listed, "Differential", VERSION + 1, [{"idToken": id_token(TAG)}])
    version_is(listed, VERSION + 1)


def test_TC_D_04_CS(listed: Bench201) -> None:
    """Send the list whole, and empty."""
    send(listed, "Full", VERSION, [])
    version_is(listed, VERSION)


def test_TC_D_05_CS(listed: Bench201) -> None:
    """Send a difference without entries."""
    send(listed, "Differential", VERSION + 1, [])
    version_is(listed, VERSION + 1)


def test_TC_D_06_CS(listed: Bench201) -> None:
    """Send a difference to an older version: refused."""
    entry = {"idToken": id_token(OTHER_TAG), "idTokenInfo": GOOD}
    send(listed, "Differential", VERSION - 1, [entry], "VersionMismatch")
    version_is(listed, VERSION)


def test_TC_D_07_CS(listed: Bench201) -> None:
    """The list outlives a reboot."""
    listed.power_cycle()
    listed.reported(listed.boot())
    version_is(listed, VERSION)


def test_TC_D_08_CS(listed: Bench201) -> None:
    """Get the version of the list."""
    version_is(listed, VERSION)


def test_TC_D_10_CS(bench: Bench201) -> None:
    """Get the version of a list that is switched off."""
    bench.configure("LocalAuthListCtrlr", "Enabled", "false")
    version_is(bench, 0)
