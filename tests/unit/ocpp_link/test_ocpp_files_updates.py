"""Firmware updates in the engine: what the back office hears, what the core is told, and what
survives a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from files_rig import GOOD, FakeInstaller, FilesRig
from ocpp_rig import Rig

from evse.clock import rfc3339
from hil.csms.brain import Misbehaviour
from ocpp_link.files.jobs import End, Outcome
from ocpp_link.files.ports import SignerVerdict
from ocpp_link.files.restart import AGAIN_MS, MAX_ASKED
from ocpp_link.files.updates import PROVING_MS
from ocpp_link.ports import BootReason, CoreReply, RestartKind

RESTART = End(Outcome.DONE, version="2.0", restart=True)
SIGNED = "SignedFirmwareStatusNotification"


class Roots:
    def __init__(self, verdict: SignerVerdict = SignerVerdict.VALID) -> None:
        self.verdict = verdict

    def check_signer(self, certificate_pem: str) -> SignerVerdict:
        return self.verdict


@pytest.fixture
def rig() -> FilesRig:
    return FilesRig(evses=2).settled()


def begin(rig: FilesRig, after_s: int = 0, **more: Any) -> tuple[str, dict[str, Any]]:
    when = rfc3339(rig.clock.utc() + timedelta(seconds=after_s))
    return rig.ask("UpdateFirmware", {"location": "http://h/f", "retrieveDate": when, **more})


def begin_signed(rig: FilesRig, request_id: int = 7, **more: Any) -> dict[str, Any]:
    firmware = {
        "location": "http://h/f",
        "retrieveDateTime": "2026-01-01T00:00:00Z",
        "signingCertificate": "PEM",
        "signature": "U0lH",
        **more,
    }
    kind, payload = rig.ask("SignedUpdateFirmware", {"requestId": request_id, "firmware": firmware})
    assert kind == "result"
    return payload


def trust(rig: FilesRig, verdict: SignerVerdict = SignerVerdict.VALID) -> list[tuple[str, str]]:
    """Let the signers be judged so; returns the security events that follow."""
    events: list[tuple[str, str]] = []
    rig.engine.firmware._roots = Roots(verdict)
    rig.engine.firmware._on_security_event = lambda name, info: events.append((name, info))
    return events


def wishes(rig: FilesRig) -> list[tuple[int, str]]:
    return [
        (params["evse"], params["cmd_source"]["enable_state"])
        for params in rig.core.called("enable_disable")
    ]


def install(rig: FilesRig) -> FilesRig:
    """Until the station's programs begin anew, on the new release."""
    rig.end_job()
    rig.installer.end(RESTART)
    rig.flush()
    rig.run(5)
    assert rig.system.restarts == [RestartKind.APPLICATION]
    return rig.again()


def test_5_19_an_update_is_told_from_its_download_to_the_new_release(rig: FilesRig) -> None:
    """OCPP 1.6 §5.19, §4.5, TC_044_1_CS: Downloading, Downloaded, Installing, then, from the new
    release and after its BootNotification, Installed."""
    assert begin(rig) == ("result", {})
    new = install(rig)
    assert rig.statuses() == ["Downloading", "Downloaded", "Installing"]
    assert new.statuses() == []
    assert new.installer.asked[-1] == "confirm"
    new.installer.confirmed(End(Outcome.DONE))
    new.flush()
    assert new.statuses() == ["Installed"]
    order = [msgspec.json.decode(frame)[2] for frame in new.sent]
    assert order.index("BootNotification") < order.index("FirmwareStatusNotification")
    assert new.brain.complaints == []


def test_pitfall_46_installed_is_told_also_when_the_link_was_down_at_its_time(
    rig: FilesRig,
) -> None:
    """Pitfall 46: it waits on the disk until somebody takes it."""
    begin(rig)
    new = install(rig)
    new.disconnect()
    new.installer.confirmed(End(Outcome.DONE))
    newer = new.again()
    assert newer.statuses() == ["Installed"]
    assert newer.again().statuses() == []


def test_why_the_station_restarts_is_told(rig: FilesRig) -> None:
    """2.0.1 part 2 §3.6: the BootNotification after it says FirmwareUpdate."""
    begin(rig)
    new = install(rig)
    assert new.engine.registration._reason is BootReason.FIRMWARE_UPDATE


def test_5_19_retrieve_date_is_awaited_in_station_time(rig: FilesRig) -> None:
    """OCPP 1.6 §6.55: after retrieveDate; 1.6 has no word for a scheduled download."""
    begin(rig, after_s=600)
    rig.run(599)
    assert rig.workers.all == []
    rig.run(2)
    assert len(rig.downloads()) == 1
    assert rig.statuses() == ["Downloading"]


def test_6_55_retries_and_their_interval_are_those_of_the_request(rig: FilesRig) -> None:
    """OCPP 1.6 §6.55, TC_044_2_CS: retries 0 is obeyed; 2 × 30 s takes a minute."""
    begin(rig, retries=0)
    rig.end_job(End(Outcome.NOT_FOUND))
    assert rig.statuses() == ["Downloading", "DownloadFailed"]
    begin(rig, retries=2, retryInterval=30)
    for _ in range(2):
        rig.end_job(End(Outcome.UNREACHABLE))
        rig.run(29)
        assert rig.workers.active == 0
        rig.run(1)
        assert rig.workers.active == 1
    rig.end_job(End(Outcome.UNREACHABLE))
    assert rig.statuses()[2:] == ["Downloading", "DownloadFailed"]
    assert wishes(rig) == [], "a failed download keeps nobody from charging"


def test_a_download_goes_on_after_a_restart_of_the_link(rig: FilesRig) -> None:
    """It is asked for again, into the same file; nothing is told twice."""
    begin(rig)
    new = rig.again()
    assert [job.path for job in new.downloads()] == [job.path for job in rig.downloads()]
    assert new.statuses() == []


def test_l01_fr_06_installation_waits_for_all_transactions(rig: FilesRig) -> None:
    """Whitepaper L01.FR.06, L01.FR.07, OCPP 1.6 §5.19: connectors that are not in use become
    Unavailable at once, the others when their transactions end; then it begins."""
    rig.plug_in(1)
    rig.start_transaction(1)
    begin(rig)
    rig.end_job()
    assert wishes(rig) == [(2, "Disable")]
    assert rig.installer.asked == []
    rig.stop_transaction(1)
    assert wishes(rig) == [(2, "Disable"), (1, "Disable")]
    assert rig.installer.asked == ["install"]


def test_l01_fr_07_connectors_become_available_when_it_is_over(rig: FilesRig) -> None:
    """TC_044_3_CS: also where the installation failed."""
    begin(rig)
    rig.end_job()
    rig.installer.end(End(Outcome.INVALID_PACKAGE))
    rig.flush()
    assert rig.statuses() == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]
    assert wishes(rig)[2:] == [(1, "Unassigned"), (2, "Unassigned")]


def test_a_core_that_was_away_hears_of_the_end_of_the_hold(rig: FilesRig) -> None:
    """Else its connectors would stay Unavailable for ever, also over restarts of the link."""
    begin(rig)
    rig.end_job()
    rig.core.replies["evse_manager.enable_disable"] = CoreReply(error="the core is away")
    rig.installer.end(End(Outcome.FAILED))
    new = rig.again()
    assert wishes(new) == [(1, "Unassigned"), (2, "Unassigned")]
    new.core.replies.clear()
    for _ in range(2):
        new.engine.on_core_lost()
        new.settled()
    assert wishes(new)[2:] == [(1, "Unassigned"), (2, "Unassigned")]
    assert wishes(new.again()) == []


def test_a_core_that_comes_back_is_told_of_the_hold_again(rig: FilesRig) -> None:
    begin(rig)
    rig.end_job()
    rig.engine.on_core_lost()
    rig.settled()
    assert wishes(rig) == [(1, "Disable"), (2, "Disable")] * 2


def test_who_charges_is_known_only_after_the_core_has_told_what_happened(rig: FilesRig) -> None:
    """Whitepaper L01.FR.06: a transaction may have begun while the link was away. Until that is
    known nothing is installed and nobody is disabled."""
    begin(rig, after_s=60)
    rig.engine.on_core_lost()
    rig.run(60)
    rig.end_job()
    assert rig.engine.firmware.update is not None
    rig.engine.on_core_connected()
    rig.plug_in(1)
    rig.start_transaction(1)
    rig.run(10)
    assert wishes(rig) == [(2, "Disable")]
    assert rig.installer.asked == []


def test_an_update_may_mend_a_core_that_does_not_come(rig: FilesRig) -> None:
    """Without its core the station lets nobody charge: after ten minutes nobody is waited for."""
    begin(rig)
    rig.engine.on_core_lost()
    rig.end_job()
    rig.run(9 * 60)
    assert rig.installer.asked == []
    rig.run(3 * 60)
    assert rig.installer.asked == ["install"]


def test_a_release_that_the_back_office_lets_wait_works(rig: FilesRig) -> None:
    """Pending is an answer; Installed is told once it takes the station."""
    begin(rig)
    rig.end_job()
    rig.installer.end(RESTART)
    rig.flush()
    rig.run(5)
    rig.installer.start()
    new = FilesRig(rig.installer, evses=2, database=rig.database, clock=rig.clock)
    new.brain.boot_script.append(("Pending", 1_800))
    new.settled()
    assert new.installer.asked[-1] == "confirm"
    new.installer.confirmed(End(Outcome.DONE))
    new.flush()
    assert new.statuses() == []
    new.run(1_800)
    assert new.statuses() == ["Installed"]


def test_a_clock_that_is_set_is_looked_at(rig: FilesRig) -> None:
    """What waits for a date is due when the clock says so, whoever set it."""
    begin(rig, after_s=7_200)
    rig.run(1)
    assert rig.workers.all == []
    for hear in rig.engine.station.occasions.clock_set:
        hear(0)
    assert rig.workers.all == []
    rig.run(7_199)
    assert len(rig.downloads()) == 1


def test_a_retry_interval_of_hours_is_kept_and_one_of_nothing_is_a_second(rig: FilesRig) -> None:
    for asked_s, real_s in ((7_200, 7_200), (0, 1)):
        begin(rig, retries=1, retryInterval=asked_s)
        rig.end_job(End(Outcome.UNREACHABLE))
        rig.run(real_s - 0.1)
        assert rig.workers.active == 0
        rig.run(0.2)
        rig.end_job(End(Outcome.UNREACHABLE))


def test_what_former_lives_left_is_swept_away(rig: FilesRig) -> None:
    """But not what a download goes on with."""
    assert rig.workers.swept == ("/nowhere", "")
    begin(rig)
    new = rig.again()
    assert new.workers.swept == ("/nowhere", rig.downloads()[0].path)


def test_a_release_that_reaches_nobody_is_taken_back(rig: FilesRig) -> None:
    """Installed is not told of what can not be told by it; after the time for it the former
    release runs, and tells that the installation failed."""
    begin(rig)
    rig.end_job()
    rig.installer.end(RESTART)
    rig.flush()
    rig.run(5)
    rig.installer.start()
    new = FilesRig(rig.installer, evses=2, database=rig.database, clock=rig.clock)
    new.engine.on_core_connected()
    new.run(PROVING_MS / 1_000 + 1)
    assert new.installer.asked[-1] == "roll back"
    new.installer.rolled_back(End(Outcome.DONE))
    new.run(15)
    assert new.system.restarts == [RestartKind.APPLICATION]
    old = new.again()
    assert old.installer.running == "1.0"
    assert old.statuses() == ["InstallationFailed"]


def test_a_release_that_never_started_is_told_by_the_former_one(rig: FilesRig) -> None:
    """It was taken back before the start: nothing of it ever ran."""
    begin(rig)
    rig.end_job()
    rig.installer.end(RESTART)
    rig.flush()
    rig.run(5)
    rig.installer.taken_back()
    old = rig.again()
    assert old.installer.running == "1.0"
    assert old.statuses() == ["InstallationFailed"]


def test_a_station_that_does_not_restart_gives_up(rig: FilesRig) -> None:
    """Its connectors must not stay Unavailable for a restart that never comes."""
    rig.system.refuses = "nobody may"
    begin(rig)
    rig.end_job()
    rig.installer.end(RESTART)
    rig.flush()
    rig.run((MAX_ASKED + 1) * AGAIN_MS / 1_000)
    assert rig.statuses()[-1] == "InstallationFailed"
    assert "roll back" in rig.installer.asked
    assert wishes(rig)[-1] == (2, "Unassigned")


def test_a_restart_waits_for_its_status_but_not_for_ever(rig: FilesRig) -> None:
    """Whitepaper L01.FR.15: InstallRebooting before rebooting."""
    trust(rig)
    begin_signed(rig)
    rig.brain.misbehave(SIGNED, *[Misbehaviour.NO_ANSWER] * 9)
    rig.engine.firmware._take(
        msgspec.structs.replace(  # the download and its signature are another test's
            _at_waiting(rig), acts=()
        )
    )
    rig.installer.end(RESTART)
    rig.flush()
    rig.run(9)
    assert rig.system.restarts == []
    rig.run(5)
    assert rig.system.restarts == [RestartKind.APPLICATION]


def _at_waiting(rig: FilesRig) -> Any:
    from ocpp_link.files import firmware

    update = rig.engine.firmware.update
    assert update is not None
    return firmware.fetched(update, GOOD, is_genuine=True, now_ms=rig.engine.station.utc_ms())


def test_l01_fr_24_a_certificate_that_does_not_hold_is_refused_at_once(rig: FilesRig) -> None:
    """Whitepaper L01.FR.02, L01.FR.23 to L01.FR.25."""
    for verdict, answer in (
        (SignerVerdict.INVALID, "InvalidCertificate"),
        (SignerVerdict.REVOKED, "RevokedCertificate"),
    ):
        events = trust(rig, verdict)
        assert begin_signed(rig) == {"status": answer}
        assert [name for name, _ in events] == ["InvalidFirmwareSigningCertificate"]
    assert rig.workers.all == []
    assert rig.statuses(SIGNED) == []


def test_l01_fr_03_a_wrong_signature_is_told_with_its_event(rig: FilesRig) -> None:
    """Whitepaper L01.FR.03, L01.FR.10, TC_081_CS."""
    events = trust(rig)
    assert begin_signed(rig) == {"status": "Accepted"}
    rig.end_job()
    assert rig.told(SIGNED) == [
        {"status": status, "requestId": 7}
        for status in ("Downloading", "Downloaded", "InvalidSignature")
    ]
    assert [name for name, _ in events] == ["InvalidFirmwareSignature"]
    assert rig.installer.asked == []
    assert len(rig.workers.discarded) == 1


def test_l01_fr_13_a_signed_download_is_scheduled(rig: FilesRig) -> None:
    """Whitepaper L01.FR.13."""
    trust(rig)
    begin_signed(rig, retrieveDateTime="2026-01-01T01:00:00Z")
    assert rig.statuses(SIGNED) == ["DownloadScheduled"]
    rig.run(3_601)
    assert rig.statuses(SIGNED) == ["DownloadScheduled", "Downloading"]


def test_l01_fr_20_a_secured_station_takes_no_unsigned_firmware(
    rig: FilesRig, caplog: pytest.LogCaptureFixture
) -> None:
    """Whitepaper L01.FR.20: CALLERROR NotSupported, and nothing begins."""
    settings = rig.engine.station.settings
    rig.engine.station.settings = msgspec.structs.replace(settings, security_profile=2)
    assert begin(rig) == ("NotSupported", {})
    assert rig.workers.all == []
    assert "unsigned_firmware is false" in caplog.text, "the owner hears what to change"


def test_a_station_that_can_not_install_says_so(
    rig: FilesRig, caplog: pytest.LogCaptureFixture
) -> None:
    bare = Rig().start()
    update = {"location": "http://h/f", "retrieveDate": "2026-01-01T00:00:00Z"}
    assert bare.ask("UpdateFirmware", update) == ("NotSupported", {})
    assert "[ocpp.files] releases" in caplog.text
    profiles = bare.ask("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})[1]
    assert "FirmwareManagement" not in profiles["configurationKey"][0]["value"]
    profiles = rig.ask("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})[1]
    assert "FirmwareManagement" in profiles["configurationKey"][0]["value"]


NO_FORMER = "a release that fails could not be taken back"


def test_5_19_without_a_release_to_go_back_to_an_update_is_refused(
    rig: FilesRig, caplog: pytest.LogCaptureFixture
) -> None:
    """OCPP 1.6 §5.19, §4.2.3: UpdateFirmware.conf has no status, so it is a CALLERROR. Nothing is
    downloaded or told."""
    rig.installer.can_go_back = False
    assert begin(rig) == ("NotSupported", {})
    assert NO_FORMER in caplog.text, "the owner hears why"
    assert (rig.workers.all, rig.installer.asked, rig.statuses()) == ([], [], [])
    assert wishes(rig) == []


@pytest.mark.parametrize("verdict", SignerVerdict)
def test_l01_without_a_release_to_go_back_to_a_signed_update_is_rejected(
    rig: FilesRig, verdict: SignerVerdict, caplog: pytest.LogCaptureFixture
) -> None:
    """Whitepaper L01, UpdateFirmwareStatusEnumType: Rejected, whoever signed it."""
    trust(rig, verdict)
    rig.installer.can_go_back = False
    assert begin_signed(rig) == {"status": "Rejected"}
    assert NO_FORMER in caplog.text
    assert (rig.workers.all, rig.installer.asked, rig.told(SIGNED)) == ([], [], [])


def test_l01_fr_26_a_new_request_takes_the_place_of_one_that_waits(rig: FilesRig) -> None:
    """Whitepaper L01.FR.26, L01.FR.27: unless the installer is at work."""
    trust(rig)
    assert begin_signed(rig, 1) == {"status": "Accepted"}
    assert begin_signed(rig, 2) == {"status": "AcceptedCanceled"}
    assert rig.workers.active == 1, "the former download is stopped"
    assert [payload["requestId"] for payload in rig.told(SIGNED)] == [1, 2]
    rig.engine.firmware._take(_at_waiting(rig))
    assert rig.installer.asked == ["install"]
    assert begin_signed(rig, 3) == {"status": "Rejected"}


def test_l01_fr_26_two_requests_within_one_millisecond_share_no_file(rig: FilesRig) -> None:
    """Whitepaper L01.FR.26: what is discarded of the older is nothing of the newer."""
    trust(rig)
    begin_signed(rig, 1)
    begin_signed(rig, 2)
    older, newer = rig.downloads()
    assert older.path != newer.path
    assert rig.workers.discarded == [older.path]


def test_5_19_an_unsigned_request_meanwhile_is_answered_and_left(rig: FilesRig) -> None:
    """OCPP 1.6 §6.56: the answer has no field to say it in."""
    begin(rig)
    rig.end_job()
    assert begin(rig) == ("result", {})
    assert len(rig.downloads()) == 1


def test_pitfall_32_a_triggered_status_is_what_is_true_now(rig: FilesRig) -> None:
    """OCPP 1.6 §4.5, pitfall 32: Idle where nothing goes on, else the live status."""
    ask = {"requestedMessage": "FirmwareStatusNotification"}
    assert rig.ask("TriggerMessage", ask) == ("result", {"status": "Accepted"})
    assert rig.statuses() == ["Idle"]
    begin(rig, retries=0)
    rig.ask("TriggerMessage", ask)
    assert rig.statuses() == ["Idle", "Downloading", "Downloading"]
    rig.end_job(End(Outcome.NOT_FOUND))
    rig.ask("TriggerMessage", ask)
    assert rig.statuses()[3:] == ["DownloadFailed", "Idle"]


def test_l01_fr_28_29_an_extended_trigger_gets_the_last_status(rig: FilesRig) -> None:
    """Whitepaper L01.FR.21, L01.FR.28, L01.FR.29: Idle, without an id, after Installed; else the
    last that was sent, with its id."""
    trust(rig)
    ask = {"requestedMessage": "FirmwareStatusNotification"}
    rig.ask("ExtendedTriggerMessage", ask)
    assert rig.told(SIGNED) == [{"status": "Idle"}]
    begin_signed(rig)
    rig.end_job()
    rig.ask("ExtendedTriggerMessage", ask)
    assert rig.told(SIGNED)[-1] == {"status": "InvalidSignature", "requestId": 7}


@pytest.mark.parametrize("kind", list(Misbehaviour))
def test_every_status_reaches_a_back_office_that_misbehaves(
    kind: Misbehaviour, rig: FilesRig
) -> None:
    """In order; one that went with the connection is told again, one that was refused is not."""
    rig.brain.misbehave("FirmwareStatusNotification", kind)
    begin(rig)
    rig.run(40)
    if not rig.engine.connected:
        rig.connect()
    rig.end_job()
    rig.run(40)
    heard = [payload["status"] for payload in rig.brain.sent("FirmwareStatusNotification")]
    assert heard[-2:] == ["Downloaded", "Installing"]
    lost = kind in (Misbehaviour.CALLERROR, Misbehaviour.GARBAGE)
    assert ("Downloading" in heard) is not lost


@pytest.mark.parametrize("text", ["soon", "", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none_is_refused(text: str, rig: FilesRig) -> None:
    request = {"location": "http://h/f", "retrieveDate": text}
    assert rig.ask("UpdateFirmware", request)[0] == "PropertyConstraintViolation"
    assert rig.workers.all == []


def test_an_installer_that_is_not_asked_is_not_touched() -> None:
    """A start without an update reads and changes nothing."""
    installer = FakeInstaller()
    FilesRig(installer).start().run(60)
    assert installer.asked == []
