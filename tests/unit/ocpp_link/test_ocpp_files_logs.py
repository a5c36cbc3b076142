"""Diagnostics and logs in the engine: what is asked of the workers, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from files_rig import GOOD, FilesRig
from ocpp_rig import Rig

from ocpp_link.files.jobs import Bundle, End, Outcome, Upload

DIAGNOSTICS = "DiagnosticsStatusNotification"
LOG = "LogStatusNotification"
CUT = End(Outcome.UNREACHABLE)


@pytest.fixture
def rig() -> FilesRig:
    return FilesRig().start()


def get_diagnostics(rig: FilesRig, **more: Any) -> dict[str, Any]:
    kind, payload = rig.ask("GetDiagnostics", {"location": "ftp://h/in", **more})
    assert kind == "result"
    return payload


def get_log(rig: FilesRig, request_id: int = 7, kind: str = "SecurityLog", **more: Any) -> Any:
    payload = {"logType": kind, "requestId": request_id, "log": {"remoteLocation": "ftp://h/in"}}
    return rig.ask("GetLog", {**payload, **more})[1]


def test_5_9_diagnostics_are_named_packed_and_uploaded(rig: FilesRig) -> None:
    """OCPP 1.6 §5.9, §4.4, TC_045_1_CS: the answer names the file, then Uploading, Uploaded."""
    answer = get_diagnostics(rig, startTime="2026-01-01T00:00:00Z", stopTime="2026-01-02T00:00:00Z")
    assert answer == {"fileName": "CP_1___diagnostics_20260101T000000Z_1.tar.gz"}
    bundle = rig.end_job()
    assert isinstance(bundle, Bundle)
    assert (bundle.oldest, bundle.latest) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert [extract.path for extract in bundle.extracts] == ["frames", "security"]
    assert bundle.journal == "core.db"
    assert set(bundle.documents) == {"settings.json", "state.json", "versions.json"}
    upload = rig.end_job()
    assert isinstance(upload, Upload)
    assert (upload.url, upload.name) == ("ftp://h/in", answer["fileName"])
    assert upload.path == bundle.path
    assert rig.statuses(DIAGNOSTICS) == ["Uploading", "Uploaded"]
    assert rig.workers.discarded == [bundle.path], "a packed log is no use afterwards"
    assert rig.brain.complaints == []


def test_5_9_without_diagnostics_no_file_is_named() -> None:
    """OCPP 1.6 §5.9: SHALL NOT contain a file name."""
    assert Rig().start().ask("GetDiagnostics", {"location": "ftp://h/in"}) == ("result", {})


def test_6_25_an_upload_is_tried_again_as_asked(rig: FilesRig) -> None:
    """OCPP 1.6 §6.25, errata 3.50: retries × retryInterval, the file as it was packed, going on
    where it was cut off."""
    get_diagnostics(rig, retries=2, retryInterval=30)
    rig.end_job()
    for attempt in range(3):
        assert rig.workers.active == 1
        upload = rig.end_job(CUT)
        assert isinstance(upload, Upload)
        assert upload.resume is (attempt > 0)
        rig.run(30)
    assert rig.statuses(DIAGNOSTICS) == ["Uploading", "UploadFailed"]
    assert rig.workers.active == 0


def test_6_25_retries_of_zero_are_obeyed(rig: FilesRig) -> None:
    """TC_045_2_CS."""
    get_diagnostics(rig, retries=0)
    rig.end_job()
    rig.end_job(End(Outcome.REFUSED))
    assert rig.statuses(DIAGNOSTICS) == ["Uploading", "UploadFailed"]
    rig.run(3_600)
    assert rig.workers.active == 0


def test_n01_a_security_log_is_uploaded_under_the_id_of_its_request(rig: FilesRig) -> None:
    """Whitepaper N01.FR.01 to N01.FR.03, N01.FR.07 to N01.FR.09, TC_079_CS."""
    answer = get_log(rig)
    name = "CP_1___security_20260101T000000Z_1.log.gz"
    assert answer == {"status": "Accepted", "filename": name}
    bundle = rig.end_job()
    assert isinstance(bundle, Bundle)
    assert bundle.plain
    assert [extract.path for extract in bundle.extracts] == ["security"]
    assert bundle.documents == {}
    rig.end_job()
    assert rig.told(LOG) == [
        {"status": "Uploading", "requestId": 7},
        {"status": "Uploaded", "requestId": 7},
    ]
    assert rig.statuses(DIAGNOSTICS) == []


def test_n01_fr_04_a_diagnostics_log_holds_what_diagnostics_hold(rig: FilesRig) -> None:
    """Whitepaper N01.FR.04."""
    get_log(rig, kind="DiagnosticsLog")
    bundle = rig.end_job()
    assert isinstance(bundle, Bundle)
    assert set(bundle.documents) == {"settings.json", "state.json", "versions.json"}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.BAD_LOCATION, "BadMessage"),
        (Outcome.UNSUPPORTED, "NotSupportedOperation"),
        (Outcome.REFUSED, "PermissionDenied"),
        (Outcome.UNREACHABLE, "UploadFailure"),
        (Outcome.TIMEOUT, "UploadFailure"),
    ],
)
def test_n01_fr_10_the_failure_is_told_as_precisely_as_possible(
    outcome: Outcome, status: str, rig: FilesRig
) -> None:
    """Whitepaper N01.FR.10."""
    get_log(rig, retries=0)
    rig.end_job()
    rig.end_job(End(outcome))
    assert rig.told(LOG)[-1] == {"status": status, "requestId": 7}


def test_n01_fr_11_a_newer_request_takes_the_place_of_the_older(rig: FilesRig) -> None:
    """Whitepaper N01.FR.11: the older upload is stopped, and its end is told under its own id."""
    get_log(rig, 1)
    rig.end_job()
    assert get_log(rig, 2)["status"] == "AcceptedCanceled"
    assert rig.workers.active == 1
    rig.end_job()
    rig.end_job()
    assert [(p["requestId"], p["status"]) for p in rig.told(LOG)] == [
        (1, "Uploading"),
        (1, "UploadFailure"),
        (2, "Uploading"),
        (2, "Uploaded"),
    ]


def test_n01_fr_11_two_uploads_within_one_second_share_no_file(rig: FilesRig) -> None:
    """Whitepaper N01.FR.11: what is discarded of the older is nothing of the newer, and no file of
    the back office is written over."""
    names = [get_log(rig, number)["filename"] for number in (1, 2)]
    assert names == [
        "CP_1___security_20260101T000000Z_1.log.gz",
        "CP_1___security_20260101T000000Z_2.log.gz",
    ]
    packed, uploaded = rig.end_job(), rig.end_job()
    assert isinstance(packed, Bundle)
    assert isinstance(uploaded, Upload)
    assert uploaded.name == names[1]
    assert uploaded.path == packed.path
    assert rig.workers.discarded == [f"/nowhere/{name}" for name in names]


def test_a_newer_request_ends_a_wait_for_the_next_attempt(rig: FilesRig) -> None:
    get_log(rig, 1, retryInterval=30)
    rig.end_job()
    rig.end_job(CUT)
    get_log(rig, 2, retryInterval=60)
    rig.run(45)
    assert [type(job) for job, _ in rig.workers.jobs] == [Bundle]


def test_pitfall_32_a_triggered_status_is_what_is_true_now(rig: FilesRig) -> None:
    """OCPP 1.6 §4.4, §7.24, whitepaper §6.19, N01.FR.12, pitfall 32."""
    diagnostics = {"requestedMessage": DIAGNOSTICS}
    log = {"requestedMessage": LOG}
    for action, ask in (("TriggerMessage", diagnostics), ("ExtendedTriggerMessage", log)):
        assert rig.ask(action, ask) == ("result", {"status": "Accepted"})
    assert rig.told(DIAGNOSTICS) == [{"status": "Idle"}]
    assert rig.told(LOG) == [{"status": "Idle"}]
    get_log(rig)
    rig.end_job()
    rig.ask("TriggerMessage", diagnostics)
    rig.ask("ExtendedTriggerMessage", log)
    assert rig.told(DIAGNOSTICS)[-1] == {"status": "Idle"}, "no diagnostics are being uploaded"
    assert rig.told(LOG)[-1] == {"status": "Uploading", "requestId": 7}
    rig.end_job()
    get_diagnostics(rig)
    rig.end_job()
    rig.ask("TriggerMessage", diagnostics)
    assert rig.statuses(DIAGNOSTICS)[-1] == "Uploading"


def test_an_upload_that_a_restart_cut_off_is_told_as_failed(rig: FilesRig) -> None:
    """Once, from the next life of the link; it is not begun again: it may be what ended it."""
    get_log(rig)
    rig.end_job()
    new = rig.again()
    assert new.told(LOG) == [{"status": "UploadFailure", "requestId": 7}]
    assert new.workers.all == []
    assert new.again().told(LOG) == []


def test_what_could_not_be_told_is_told_when_the_link_is_back(rig: FilesRig) -> None:
    get_diagnostics(rig)
    rig.end_job()
    rig.disconnect()
    rig.end_job()
    assert rig.statuses(DIAGNOSTICS) == ["Uploading"]
    rig.connect()
    assert rig.statuses(DIAGNOSTICS) == ["Uploading", "Uploaded"]


def test_a_bundle_that_can_not_be_packed_is_a_failure(rig: FilesRig) -> None:
    get_diagnostics(rig)
    rig.end_job(End(Outcome.NO_SPACE))
    assert rig.statuses(DIAGNOSTICS) == ["UploadFailed"]


def test_a_window_that_can_not_be_read_is_refused(rig: FilesRig) -> None:
    payload = {"location": "ftp://h/in", "startTime": "yesterday"}
    assert rig.ask("GetDiagnostics", payload)[0] == "PropertyConstraintViolation"
    assert rig.workers.all == []


def test_without_a_security_log_there_is_none_to_upload() -> None:
    """Whitepaper N01.FR.01: only if the requested log is available."""
    assert Rig().start().ask(
        "GetLog",
        {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://h/in"}},
    ) == ("result", {"status": "Rejected"})


def test_9_5_the_protocols_are_those_that_work_here(rig: FilesRig) -> None:
    """OCPP 1.6 §9.5 SupportedFileTransferProtocols: a read-only fact of what can be used; absent
    where nothing can."""
    key = {"key": ["SupportedFileTransferProtocols"]}
    (shown,) = rig.ask("GetConfiguration", key)[1]["configurationKey"]
    assert (shown["value"], shown["readonly"]) == ("HTTP,HTTPS,FTP,FTPS,SFTP", True)
    change = {"key": key["key"][0], "value": "FTP"}
    assert rig.ask("ChangeConfiguration", change) == ("result", {"status": "Rejected"})
    assert Rig().start().ask("GetConfiguration", key)[1]["unknownKey"] == key["key"]


def test_the_state_in_a_bundle_is_the_station_s(rig: FilesRig) -> None:
    rig.plug_in()
    get_diagnostics(rig)
    bundle = rig.end_job()
    assert isinstance(bundle, Bundle)
    state = json.loads(bundle.documents["state.json"])
    assert state["evses"][0]["plugged"] is True
    assert state["registration"] == "Accepted"
    assert json.loads(bundle.documents["versions.json"])["station"]["vendor"] == "PiEVSE"


def test_the_workers_are_never_called_back_for_nothing(rig: FilesRig) -> None:
    """A late end of something that was replaced changes nothing."""
    get_log(rig, 1)
    _, late = rig.workers.jobs[0]
    get_log(rig, 2)
    rig.end_job()
    upload = rig.end_job()
    assert isinstance(upload, Upload)
    statuses = rig.told(LOG)
    late(GOOD)
    rig.flush()
    assert rig.told(LOG) == statuses
