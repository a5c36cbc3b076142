"""Logs that the back office wants."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_v201 import Bench201

INTERVAL_S = 60


def wanted(
    bench: Bench201, id_: int = 5, kind: str = "DiagnosticsLog", *, retries: int = 0
) -> dict[str, Any]:
    """GetLog; its answer, which names a file."""
    answer = bench.call(
        "GetLog",
        logType=kind,
        requestId=id_,
        log={"remoteLocation": bench.files.url()},
        retries=retries,
        retryInterval=INTERVAL_S,
    )
    assert answer["filename"]
    return answer


def told(bench: Bench201, *statuses: str, id_: int = 5) -> None:
    for status in statuses:
        bench.expect("LogStatusNotification", status=status, requestId=id_, within_s=60)


def test_TC_N_25_CS(bench: Bench201) -> None:
    """Diagnostics are uploaded."""
    assert wanted(bench)["status"] == "Accepted"
    told(bench, "Uploading", "Uploaded")
    (upload,) = bench.files.uploads.values()
    assert upload


def test_TC_N_35_CS(bench: Bench201) -> None:
    """The security log is uploaded."""
    assert wanted(bench, kind="SecurityLog")["status"] == "Accepted"
    told(bench, "Uploading", "Uploaded")


FAILED = ("UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation")


def test_TC_N_26_CS(bench: Bench201) -> None:
    """An upload fails, and is tried again as often as asked for."""
    bench.files.writable = False
    assert wanted(bench, retries=3)["status"] == "Accepted"
    begin = bench.expect("LogStatusNotification", status="Uploading", requestId=5)
    bench.wait(5 * INTERVAL_S)
    last = bench.take("LogStatusNotification")[-1]
    assert last["status"] in FAILED
    assert (last.at_ms - begin.at_ms) / 1000 == pytest.approx(3 * INTERVAL_S, abs=5)


def failing(bench: Bench201) -> None:
    """An upload that goes on, for it is to be tried again."""
    bench.files.writable = False
    assert wanted(bench, retries=3)["status"] == "Accepted"
    told(bench, "Uploading")
    bench.wait(10)
    bench.take("LogStatusNotification")


def test_TC_N_36_CS(bench: Bench201) -> None:
    """A second request takes the place of the first."""
    failing(bench)
    bench.files.writable = True
    assert wanted(bench, 6)["status"] == "AcceptedCanceled"
    told(bench, "AcceptedCanceled")
    told(bench, "Uploading", "Uploaded", id_=6)


def test_TC_F_16_CS(bench: Bench201) -> None:
    """How an upload fares, on request."""
    failing(bench)
    bench.accepted("TriggerMessage", requestedMessage="LogStatusNotification")
    told(bench, "Uploading")
    bench.wait(5 * INTERVAL_S)
    bench.take("LogStatusNotification")
