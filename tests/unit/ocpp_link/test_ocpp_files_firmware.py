"""The firmware update as a pure machine: every path, from any phase, over restarts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.files import firmware
from ocpp_link.files.firmware import MAX_INSTALLS
from ocpp_link.files.jobs import End, Outcome, Trial
from ocpp_link.files.records import FirmwareStatus as S
from ocpp_link.files.update import CANCELLABLE, Act, Phase, Request, Step, Update

NOW = 1_000_000
GOOD = End(Outcome.DONE, sha256="ab")
INSTALLED = End(Outcome.DONE, version="2.0", restart=True)
ON_TRIAL = Trial("2.0", "1.0")
TAKEN_BACK = Trial("2.0", "1.0", rolled_back=True)
ENDS = {
    S.INSTALLED,
    S.DOWNLOAD_FAILED,
    S.INSTALLATION_FAILED,
    S.INVALID_SIGNATURE,
    S.INSTALL_VERIFICATION_FAILED,
}


def request(**more: object) -> Request:
    return Request(location="http://h/f", retrieve_at_ms=NOW, **more)


def signed(**more: object) -> Request:
    return request(request_id=7, certificate="PEM", signature="SIG", **more)


def statuses(step: Step) -> list[S]:
    return [report.status for report in step.update.untold]


def fetched(wanted: Request, *, genuine: bool = True) -> Step:
    begun = firmware.begin("1", wanted, NOW)
    return firmware.fetched(begun.update, GOOD, is_genuine=genuine, now_ms=NOW)


def rebooting(wanted: Request | None = None) -> Step:
    step = firmware.idle(fetched(wanted or request()).update)
    step = firmware.installed(step.update, INSTALLED)
    return Step(firmware.restarting(step.update), step.acts)


def test_5_19_an_unsigned_update_goes_all_the_way() -> None:
    """OCPP 1.6 §5.19, TC_044_1_CS: each status once and in order; Installed only in the end."""
    step = rebooting()
    assert step.acts == (Act.RESTART,)
    step = firmware.resume(step.update, "2.0", ON_TRIAL, NOW)
    assert step.acts == (Act.PROVE,)
    assert S.INSTALLED not in statuses(step)
    step = firmware.healthy(step.update)
    assert step.acts == (Act.CONFIRM,)
    step = firmware.confirmed(step.update, End(Outcome.DONE), NOW)
    assert statuses(step) == [
        S.DOWNLOADING,
        S.DOWNLOADED,
        S.INSTALLING,
        S.INSTALL_REBOOTING,
        S.INSTALLED,
    ]
    assert step.update.is_ended
    assert Act.FIRMWARE_UPDATED in step.acts


def test_5_19_retrieval_waits_for_its_date() -> None:
    """OCPP 1.6 §5.19, errata 3.63: not before retrieveDate, also where the clock was set back."""
    wanted = msgspec.structs.replace(request(), retrieve_at_ms=NOW + 5_000)
    step = firmware.begin("1", wanted, NOW)
    assert (step.acts, step.at_ms) == ((Act.AWAIT,), NOW + 5_000)
    assert statuses(step) == [S.DOWNLOAD_SCHEDULED]
    assert firmware.due(step.update, NOW + 4_999).acts == (Act.AWAIT,)
    assert firmware.due(step.update, NOW + 5_000).acts == (Act.FETCH,)


def test_6_55_retries_count_after_the_first_attempt() -> None:
    """OCPP 1.6 §6.55, errata 3.50: retries × retryInterval; only the last failure is told."""
    step = firmware.begin("1", request(retries=2, retry_s=30), NOW)
    failed = End(Outcome.NOT_FOUND)
    for _ in range(2):
        step = firmware.fetched(step.update, failed, is_genuine=False, now_ms=NOW)
        assert (step.acts, step.at_ms) == ((Act.AWAIT,), NOW + 30_000)
        step = firmware.due(step.update, NOW + 30_000)
        assert step.acts == (Act.FETCH,)
    step = firmware.fetched(step.update, failed, is_genuine=False, now_ms=NOW)
    assert statuses(step) == [S.DOWNLOADING, S.DOWNLOAD_FAILED]
    assert step.update.is_ended
    assert step.update.attempts == 3


@pytest.mark.parametrize("outcome", [Outcome.BAD_LOCATION, Outcome.UNSUPPORTED, Outcome.TOO_LARGE])
def test_what_no_retry_can_mend_is_not_retried(outcome: Outcome) -> None:
    begun = firmware.begin("1", request(retries=9), NOW)
    step = firmware.fetched(begun.update, End(outcome), is_genuine=False, now_ms=NOW)
    assert statuses(step)[-1] is S.DOWNLOAD_FAILED


def test_l01_fr_04_a_signature_is_verified_before_anything_is_installed() -> None:
    """Whitepaper L01.FR.04, TC_080_CS: Downloaded, SignatureVerified, Installing."""
    step = firmware.idle(fetched(signed()).update)
    assert statuses(step) == [S.DOWNLOADING, S.DOWNLOADED, S.SIGNATURE_VERIFIED, S.INSTALLING]


def test_l01_fr_03_a_wrong_signature_ends_it() -> None:
    """Whitepaper L01.FR.03, TC_081_CS: told as a status and as a security event, and nothing is
    installed."""
    step = fetched(signed(), genuine=False)
    assert statuses(step) == [S.DOWNLOADING, S.DOWNLOADED, S.INVALID_SIGNATURE]
    assert set(step.acts) == {Act.DISCARD, Act.INVALID_SIGNATURE}
    assert step.update.is_ended


def test_l01_fr_16_installation_waits_for_its_date() -> None:
    """Whitepaper L01.FR.16, L01.FR.17: InstallScheduled once, then at the time named."""
    step = fetched(signed(install_at_ms=NOW + 60_000))
    assert statuses(step)[-1] is S.INSTALL_SCHEDULED
    assert (step.acts, step.at_ms) == ((Act.AWAIT,), NOW + 60_000)
    early = firmware.due(step.update, NOW + 1)
    assert early.update == step.update
    step = firmware.due(step.update, NOW + 60_000)
    assert step.update.phase is Phase.WAITING
    assert step.update.holds


def test_l01_fr_10_every_status_carries_the_id_of_its_request() -> None:
    """Whitepaper L01.FR.10; also what an older request left unsaid."""
    first = firmware.cancel(fetched(signed()).update)
    left = fetched(signed(), genuine=False)
    step = firmware.begin("2", request(), NOW, left.update.untold)
    assert [report.request_id for report in step.update.untold] == [7, 7, 7, None]
    assert first.update.untold == ()


def test_a_broken_package_and_a_failed_installation_differ() -> None:
    """Whitepaper §6.8, TC_044_3_CS: the old firmware stays, whatever is told."""
    waiting = firmware.idle(fetched(request()).update)
    for outcome, status in (
        (Outcome.INVALID_PACKAGE, S.INSTALL_VERIFICATION_FAILED),
        (Outcome.NO_SPACE, S.INSTALLATION_FAILED),
        (Outcome.TIMEOUT, S.INSTALLATION_FAILED),
    ):
        step = firmware.installed(waiting.update, End(outcome))
        assert (statuses(step)[-1], step.acts) == (status, (Act.DISCARD,))
        assert not step.update.holds


def test_what_runs_already_is_installed_without_a_restart() -> None:
    waiting = firmware.idle(fetched(request()).update)
    step = firmware.installed(waiting.update, End(Outcome.DONE, version="1.0"))
    assert statuses(step)[-1] is S.INSTALLED
    assert Act.RESTART not in step.acts


def test_pitfall_46_installed_is_told_only_after_the_new_release_proved_itself() -> None:
    """A release that does not show in time that it works is taken back, and that is told after
    the former one has started."""
    step = firmware.resume(rebooting().update, "2.0", ON_TRIAL, NOW)
    step = firmware.sick(step.update)
    assert step.acts == (Act.ROLL_BACK,)
    step = firmware.taken_back(step.update, End(Outcome.DONE))
    assert step.acts == (Act.RESTART,)
    step = firmware.resume(firmware.restarting(step.update), "1.0", TAKEN_BACK, NOW)
    assert statuses(step)[-1] is S.INSTALLATION_FAILED
    assert S.INSTALLED not in statuses(step)


def test_a_release_that_did_not_get_up_is_told_by_the_one_that_did() -> None:
    """It was taken back before this start, by what runs before every start."""
    step = firmware.resume(rebooting().update, "1.0", TAKEN_BACK, NOW)
    assert statuses(step)[-1] is S.INSTALLATION_FAILED
    step = firmware.resume(rebooting().update, "1.0", ON_TRIAL, NOW)
    assert step.acts[0] is Act.ROLL_BACK, "a link that nobody follows must not stay"


def test_an_installation_that_was_cut_off_is_begun_again_but_not_for_ever() -> None:
    update = firmware.idle(fetched(request()).update).update
    for _ in range(MAX_INSTALLS - 1):
        step = firmware.resume(update, "1.0", None, NOW)
        assert step.acts == (Act.INSTALL,)
        update = step.update
    step = firmware.resume(update, "1.0", None, NOW)
    assert statuses(step)[-1] is S.INSTALLATION_FAILED


def test_a_power_cut_right_after_the_installation_restarts_once_more() -> None:
    update = firmware.idle(fetched(request()).update).update
    assert firmware.resume(update, "2.0", ON_TRIAL, NOW).acts == (Act.RESTART,)


def test_a_link_that_begins_anew_alone_restarts_the_rest() -> None:
    """It runs the new release then, and the core the old one: that proves nothing."""
    update = msgspec.structs.replace(rebooting().update, restarting=False)
    assert firmware.resume(update, "2.0", ON_TRIAL, NOW).acts == (Act.RESTART,)
    sick = firmware.sick(firmware.resume(rebooting().update, "2.0", ON_TRIAL, NOW).update)
    assert firmware.resume(sick.update, "1.0", TAKEN_BACK, NOW).acts == (Act.ROLL_BACK,)


def test_a_confirmation_that_the_disk_refused_is_asked_for_again() -> None:
    """Else the next starts would take a good release back."""
    step = firmware.healthy(firmware.resume(rebooting().update, "2.0", ON_TRIAL, NOW).update)
    step = firmware.confirmed(step.update, End(Outcome.NO_SPACE), NOW)
    assert step.acts == (Act.AWAIT,)
    assert firmware.due(step.update, step.at_ms).acts == (Act.CONFIRM,)
    assert firmware.resume(step.update, "2.0", ON_TRIAL, NOW).acts == (Act.CONFIRM,)


def test_a_station_that_can_not_restart_goes_on_with_what_runs() -> None:
    """It must not hold its connectors for ever."""
    step = firmware.stuck(rebooting().update)
    assert step.acts[0] is Act.ROLL_BACK
    assert statuses(step)[-1] is S.INSTALLATION_FAILED
    assert not step.update.holds
    sick = firmware.sick(firmware.resume(rebooting().update, "2.0", ON_TRIAL, NOW).update)
    step = firmware.taken_back(sick.update, End(Outcome.FAILED))
    assert statuses(step)[-1] is S.INSTALLATION_FAILED


OUTCOMES = st.builds(End, st.sampled_from(Outcome), restart=st.booleans(), sha256=st.just("ab"))
TRIALS = st.sampled_from([None, ON_TRIAL, TAKEN_BACK])
TIMES = st.integers(NOW - 10_000, NOW + 200_000)
EVENTS = st.one_of(
    st.builds(lambda now: lambda u: firmware.due(u, now), TIMES),
    st.builds(
        lambda e, g, now: lambda u: firmware.fetched(u, e, is_genuine=g, now_ms=now),
        OUTCOMES,
        st.booleans(),
        TIMES,
    ),
    st.builds(lambda e: lambda u: firmware.installed(u, e), OUTCOMES),
    st.builds(lambda e, now: lambda u: firmware.confirmed(u, e, now), OUTCOMES, TIMES),
    st.builds(lambda e: lambda u: firmware.taken_back(u, e), OUTCOMES),
    st.sampled_from([firmware.idle, firmware.healthy, firmware.sick, firmware.stuck]),
    st.builds(
        lambda v, t, now: lambda u: firmware.resume(u, v, t, now),
        st.sampled_from(["1.0", "2.0"]),
        TRIALS,
        TIMES,
    ),
)
REQUESTS = st.sampled_from(
    [request(), signed(), signed(install_at_ms=NOW + 60_000), request(retries=0)]
)


@given(REQUESTS, st.lists(EVENTS, max_size=14))
def test_whatever_happens_in_whatever_order(wanted: Request, events: list[object]) -> None:
    """After its end nothing more is done or told; Installed is the end, and follows Installing;
    nothing is installed before its signature was verified; what is kept can be read again."""
    update: Update = firmware.begin("1", wanted, NOW).update
    for event in events:
        step = event(update)
        if update.is_ended:
            assert step == Step(update)
        assert msgspec.json.decode(msgspec.json.encode(step.update), type=Update) == step.update
        assert (step.update.status in ENDS) == step.update.is_ended
        if wanted.is_signed and Act.INSTALL in step.acts:
            assert S.SIGNATURE_VERIFIED in statuses(step)
        update = step.update
    told = [report.status for report in update.untold]
    assert len([status for status in told if status in ENDS]) <= 1
    if S.INSTALLED in told:
        assert S.INSTALLING in told[: told.index(S.INSTALLED)]


@given(st.lists(st.integers(0, 1 << 42), min_size=2))
def test_no_two_updates_share_a_name(moments: list[int]) -> None:
    """However close together they are asked for, and wherever the clock is set to; it is kept
    with the update, so a restart changes nothing."""
    update: Update | None = None
    names = []
    for now_ms in [*moments, moments[-1]]:
        update = Update(firmware.next_name(update, now_ms), request(), Phase.ENDED)
        names.append(update.name)
    assert names[0] == str(moments[0])
    assert len(set(names)) == len(names)


def test_an_update_is_named_whatever_the_one_before_it_is_called() -> None:
    assert firmware.next_name(Update("odd", request(), Phase.ENDED), NOW) == f"{NOW}"


@given(st.sampled_from(sorted(CANCELLABLE)), REQUESTS)
def test_l01_fr_26_what_is_given_up_leaves_nothing(phase: Phase, wanted: Request) -> None:
    """Whitepaper L01.FR.26: nothing more is told of it, and its file goes."""
    step = firmware.cancel(Update("1", wanted, phase))
    assert step.update.is_ended
    assert set(step.acts) == {Act.STOP_FETCHING, Act.DISCARD}
