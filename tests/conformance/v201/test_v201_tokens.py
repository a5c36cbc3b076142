"""Tokens of the cache and the local list, and of groups."""

from __future__ import annotations

from conformance_v201 import OTHER_TAG, TAG, UNKNOWN_TAG, Bench201, id_token

GROUP = "FAMILY"


def pre_authorizes(bench: Bench201) -> None:
    bench.configure("AuthCtrlr", "LocalPreAuthorize", "true")


def starts(bench: Bench201, tag: str = TAG) -> str:
    """Without an Authorize; the cable is in."""
    bench.station.swipe(tag)
    first = bench.started(tag)
    assert not bench.untaken("Authorize")
    return str(first["transactionInfo"]["transactionId"])


def refused(bench: Bench201, tag: str) -> None:
    """It is asked about, and nothing starts."""
    bench.authorized(tag)
    bench.quiet(30)
    assert not bench.sent("TransactionEvent")


def test_TC_C_56_CS(bench: Bench201) -> None:
    """Local start, unknown: nothing starts."""
    bench.office.refused[UNKNOWN_TAG] = "Unknown"
    bench.connected()
    refused(bench, UNKNOWN_TAG)


def cached_as(bench: Bench201, status: str) -> None:
    pre_authorizes(bench)
    bench.office.refused[TAG] = status
    bench.cached()
    bench.connected()


def test_TC_C_09_CS(bench: Bench201) -> None:
    """Cached as invalid: asked about again, and still invalid."""
    cached_as(bench, "Invalid")
    refused(bench, TAG)


def test_TC_C_10_CS(bench: Bench201) -> None:
    """Cached as blocked: asked about again, and still blocked."""
    cached_as(bench, "Blocked")
    refused(bench, TAG)


def test_TC_C_11_CS(bench: Bench201) -> None:
    """Cached as expired: asked about again, and still expired."""
    cached_as(bench, "Expired")
    refused(bench, TAG)


def test_TC_C_12_CS(bench: Bench201) -> None:
    """Cached as invalid: asked about again, and good by now."""
    cached_as(bench, "Invalid")
    bench.office.refused.clear()
    bench.authorized()
    bench.started()


def test_TC_C_13_CS(bench: Bench201) -> None:
    """Cached and accepted, before the cable: energy flows once it is in."""
    bench.cached()
    pre_authorizes(bench)
    bench.station.swipe(TAG)
    bench.status("Occupied")
    bench.quiet(20)
    bench.station.plug()
    bench.started()
    assert not bench.untaken("Authorize")


def test_TC_C_32_CS(bench: Bench201) -> None:
    """The cache outlives a reboot."""
    bench.cached()
    pre_authorizes(bench)
    bench.power_cycle()
    bench.reported(bench.boot())
    bench.connected()
    starts(bench)


def test_TC_C_33_CS(bench: Bench201) -> None:
    """What an Authorize told is cached."""
    pre_authorizes(bench)
    bench.connected()
    bench.authorized()
    id_ = str(bench.started()["transactionInfo"]["transactionId"])
    bench.station.swipe(TAG)
    bench.stopped("StopAuthorized", "Local", id_)
    bench.station.unplug_at_station()
    bench.status("Available")
    bench.connected()
    starts(bench)


def test_TC_C_34_CS(bench: Bench201) -> None:
    """What a transaction's answer told is cached: the token is asked about the next time."""
    bench.cached()
    pre_authorizes(bench)
    bench.office.refused[TAG] = "Invalid"
    bench.connected()
    bench.station.swipe(TAG)
    bench.event("Started", ("Authorized", "CablePluggedIn"))
    bench.wait(20)
    bench.station.unplug_at_station()
    bench.wait(20)
    bench.take("TransactionEvent")
    bench.take("StatusNotification")
    bench.connected()
    bench.authorized()
    bench.quiet(20)


def test_TC_C_36_CS(bench: Bench201) -> None:
    """Without pre-authorization a cached token is asked about."""
    bench.cached()
    bench.configure("AuthCtrlr", "LocalPreAuthorize", "false")
    bench.office.refused[TAG] = "Invalid"
    bench.authorized()
    bench.quiet(20)


def listed_as(bench: Bench201, status: str) -> None:
    pre_authorizes(bench)
    bench.listed({TAG: status})


def test_TC_C_27_CS(bench: Bench201) -> None:
    """On the list and accepted: nobody is asked."""
    listed_as(bench, "Accepted")
    bench.station.swipe(TAG)
    bench.status("Occupied")
    bench.station.plug()
    bench.started()
    assert not bench.untaken("Authorize")


def listed_and_asked_about(bench: Bench201, status: str) -> None:
    listed_as(bench, status)
    bench.office.refused[TAG] = status
    bench.connected()
    refused(bench, TAG)


def test_TC_C_28_CS(bench: Bench201) -> None:
    """On the list as invalid: asked about, and still invalid."""
    listed_and_asked_about(bench, "Invalid")


def test_TC_C_29_CS(bench: Bench201) -> None:
    """On the list as blocked: asked about, and still blocked."""
    listed_and_asked_about(bench, "Blocked")


def test_TC_C_30_CS(bench: Bench201) -> None:
    """On the list as expired: asked about, and still expired."""
    listed_and_asked_about(bench, "Expired")


def test_TC_C_31_CS(bench: Bench201) -> None:
    """On the list as invalid: asked about, and good by now."""
    listed_as(bench, "Invalid")
    bench.authorized()
    bench.status("Occupied")
    bench.station.plug()
    bench.started()


def group(bench: Bench201) -> None:
    bench.office.groups = {TAG: GROUP, OTHER_TAG: GROUP}


def stopped_by_the_other(bench: Bench201, id_: str) -> None:
    bench.station.swipe(OTHER_TAG)
    last = bench.stopped("StopAuthorized", "Local", id_)
    assert last["idToken"] == id_token(OTHER_TAG)
    assert not bench.untaken("Authorize")
    bench.station.unplug_at_station()
    bench.status("Available")


def test_TC_C_40_CS(bench: Bench201) -> None:
    """Two of a group on the list: the other one stops, and nobody is asked."""
    group(bench)
    pre_authorizes(bench)
    bench.listed({TAG: "Accepted", OTHER_TAG: "Accepted"})
    bench.connected()
    stopped_by_the_other(bench, starts(bench))


def test_TC_C_41_CS(bench: Bench201) -> None:
    """Two of a group in the cache: the other one stops, and nobody is asked."""
    group(bench)
    bench.cached(TAG)
    bench.cached(OTHER_TAG)
    pre_authorizes(bench)
    bench.connected()
    stopped_by_the_other(bench, starts(bench))


def goes_on(bench: Bench201) -> None:
    """The other one is asked about, and stops nothing."""
    bench.authorized(OTHER_TAG)
    bench.quiet(30)


def test_TC_C_42_CS(bench: Bench201) -> None:
    """One of the group that is not valid stops nothing."""
    group(bench)
    bench.charging()
    bench.office.refused[OTHER_TAG] = "Invalid"
    goes_on(bench)


def test_TC_C_43_CS(bench: Bench201) -> None:
    """One of the group that is on the list as invalid stops nothing."""
    group(bench)
    pre_authorizes(bench)
    bench.listed({TAG: "Accepted", OTHER_TAG: "Invalid"})
    bench.office.refused[OTHER_TAG] = "Invalid"
    bench.connected()
    starts(bench)
    goes_on(bench)


def test_TC_C_44_CS(bench: Bench201) -> None:
    """One of the group that is in the cache as invalid stops nothing."""
    group(bench)
    bench.office.refused[OTHER_TAG] = "Invalid"
    bench.cached(TAG)
    bench.cached(OTHER_TAG)
    pre_authorizes(bench)
    bench.connected()
    starts(bench)
    goes_on(bench)
