"""Authorization."""

from __future__ import annotations

import pytest
from conformance_v201 import OTHER_TAG, TAG, UNKNOWN_TAG, Bench201, id_token


def refused_locally(bench: Bench201, status: str) -> None:
    bench.office.refused[UNKNOWN_TAG] = status
    bench.connected()
    bench.authorized(UNKNOWN_TAG)
    bench.quiet(30)


def test_TC_C_02_CS(bench: Bench201) -> None:
    """Local start, invalid: nothing starts."""
    refused_locally(bench, "Invalid")


def test_TC_C_06_CS(bench: Bench201) -> None:
    """Local start, blocked: nothing starts."""
    refused_locally(bench, "Blocked")


def test_TC_C_07_CS(bench: Bench201) -> None:
    """Local start, expired: nothing starts."""
    refused_locally(bench, "Expired")


def test_TC_C_04_CS(bench: Bench201) -> None:
    """A foreign token is asked about and stops nothing."""
    bench.charging()
    bench.authorized(OTHER_TAG)
    bench.quiet(30, "TransactionEvent")
    assert all("idToken" not in event.payload for event in bench.take("TransactionEvent"))


def test_TC_C_39_CS(bench: Bench201) -> None:
    """A token of the same group stops the transaction."""
    bench.office.groups = {TAG: "FAMILY", OTHER_TAG: "FAMILY"}
    id_ = bench.charging()
    bench.authorized(OTHER_TAG)
    last = bench.stopped("StopAuthorized", "Local", id_)
    assert last.payload.get("idToken", id_token(OTHER_TAG)) == id_token(OTHER_TAG)


@pytest.fixture
def cached(bench: Bench201) -> Bench201:
    """A token that was authorized online a while ago; the cache is asked first."""
    bench.configure("AuthCacheCtrlr", "Enabled", "true")
    bench.configure("TxCtrlr", "EVConnectionTimeOut", "10")
    bench.authorized()
    bench.wait(20)
    bench.take("StatusNotification")
    bench.configure("AuthCtrlr", "LocalPreAuthorize", "true")
    bench.configure("TxCtrlr", "EVConnectionTimeOut", "120")
    return bench


def test_TC_C_08_CS(cached: Bench201) -> None:
    """Start with a cached token: no Authorize."""
    cached.connected()
    cached.station.swipe(TAG)
    cached.started()


def test_TC_C_37_CS(cached: Bench201) -> None:
    """Clear the cache: the token is asked about again."""
    cached.accepted("ClearCache")
    cached.connected()
    cached.authorized()
    cached.started()


def test_TC_C_38_CS(bench: Bench201) -> None:
    """Clear the cache, which is switched off."""
    bench.configure("AuthCacheCtrlr", "Enabled", "false")
    bench.answered("Rejected", "ClearCache")
