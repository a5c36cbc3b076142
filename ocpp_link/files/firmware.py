"""One firmware update, from the request to its end: what to do next, and what to tell.

Pure: `begin` and `after` take what happened and the wall time, and give the update as it is now
with what is to be done. Kept on disk after each step, it goes on after a restart (`resume`), and
whatever it asks for may be asked twice. `untold` are the statuses that the back office has yet to
hear, in order.

Source: OCPP 1.6 §4.5, §5.19; whitepaper L01.
"""

from __future__ import annotations

import msgspec

from ocpp_link.files.jobs import End, Outcome, Trial
from ocpp_link.files.records import FirmwareReport, FirmwareStatus
from ocpp_link.files.update import MIN_RETRY_S, Act, Phase, Request, Step, Update

CONFIRM_AGAIN_MS = 60_000
MAX_INSTALLS = 2
"""An installation that was cut off is begun again, but not for ever."""


def begin(
    name: str, request: Request, now_ms: int, untold: tuple[FirmwareReport, ...] = ()
) -> Step:
    """A new request, after the update before it, which left `untold`, was cancelled or ended."""
    update = Update(name, request, Phase.SCHEDULED, untold=untold)
    if request.retrieve_at_ms > now_ms:
        update = _tell(update, FirmwareStatus.DOWNLOAD_SCHEDULED)
        return Step(update, (Act.AWAIT,), request.retrieve_at_ms)
    return _fetch(_tell(update, FirmwareStatus.DOWNLOADING))


def next_name(before: Update | None, now_ms: int) -> str:
    """Of no update before: a number that only grows, about the wall time, also where two requests
    come within one millisecond or the clock is set back."""
    if before is None or not before.name.isdecimal():
        return f"{now_ms}"
    return f"{max(now_ms, int(before.name) + 1)}"


def cancel(update: Update) -> Step:
    """Give it up; only where `phase` is CANCELLABLE. Nothing more is told of it."""
    ended = msgspec.structs.replace(update, phase=Phase.ENDED, untold=())
    return Step(ended, (Act.STOP_FETCHING, Act.DISCARD))


def due(update: Update, now_ms: int) -> Step:
    """The time that was awaited came; or not quite, where the clock was set back meanwhile."""
    request = update.request
    match update.phase:
        case Phase.SCHEDULED if request.retrieve_at_ms > now_ms:
            return Step(update, (Act.AWAIT,), request.retrieve_at_ms)
        case Phase.SCHEDULED:
            return _fetch(_tell(update, FirmwareStatus.DOWNLOADING))
        case Phase.RETRYING:
            return _fetch(update)
        case Phase.INSTALL_SCHEDULED:
            return _await_install(update, now_ms)
        case Phase.CONFIRMING:
            return Step(update, (Act.CONFIRM,))
        case _:
            return Step(update)


def fetched(update: Update, end: End, *, is_genuine: bool, now_ms: int) -> Step:
    """A download ended. `is_genuine`: the signature holds; of no meaning without one."""
    if update.phase is not Phase.DOWNLOADING:
        return Step(update)
    if end.outcome is not Outcome.DONE:
        return _fetch_failed(update, end, now_ms)
    update = _tell(msgspec.structs.replace(update, sha256=end.sha256), FirmwareStatus.DOWNLOADED)
    if not update.request.is_signed:
        return _await_install(update, now_ms)
    if not is_genuine:
        step = _end(update, FirmwareStatus.INVALID_SIGNATURE)
        return msgspec.structs.replace(step, acts=(*step.acts, Act.INVALID_SIGNATURE))
    return _await_install(_tell(update, FirmwareStatus.SIGNATURE_VERIFIED), now_ms)


def idle(update: Update) -> Step:
    """No transaction runs (any more)."""
    if update.phase is not Phase.WAITING:
        return Step(update)
    return _install(_tell(update, FirmwareStatus.INSTALLING))


def installed(update: Update, end: End) -> Step:
    """The installer ended."""
    if update.phase is not Phase.INSTALLING:
        return Step(update)
    if end.outcome is Outcome.INVALID_PACKAGE:
        return _end(update, FirmwareStatus.INSTALL_VERIFICATION_FAILED)
    if end.outcome is not Outcome.DONE:
        return _end(update, FirmwareStatus.INSTALLATION_FAILED)
    if not end.restart:
        return _end(update, FirmwareStatus.INSTALLED)  # it ran already: the end all the same
    return _reboot(update)


def healthy(update: Update) -> Step:
    """The release on trial works: the core is there and the back office took it."""
    if update.phase is not Phase.PROVING:
        return Step(update)
    return Step(_in(update, Phase.CONFIRMING), (Act.CONFIRM,))


def confirmed(update: Update, end: End, now_ms: int) -> Step:
    """The installer has noted it; or could not, and is asked again until it can."""
    if update.phase is not Phase.CONFIRMING:
        return Step(update)
    if end.outcome is not Outcome.DONE:
        return Step(update, (Act.AWAIT,), now_ms + CONFIRM_AGAIN_MS)
    update = _in(_tell(update, FirmwareStatus.INSTALLED), Phase.ENDED)
    return Step(update, (Act.FIRMWARE_UPDATED, Act.DISCARD))


def sick(update: Update) -> Step:
    """The release on trial did not show in time that it works."""
    if update.phase is not Phase.PROVING:
        return Step(update)
    update = msgspec.structs.replace(update, restarting=False)
    return Step(_in(update, Phase.TAKING_BACK), (Act.ROLL_BACK,))


def taken_back(update: Update, end: End) -> Step:
    """The installer has put the former release back; or could not, and then no restart helps."""
    if update.phase is not Phase.TAKING_BACK:
        return Step(update)
    if end.outcome is not Outcome.DONE:
        return _end(update, FirmwareStatus.INSTALLATION_FAILED)
    return Step(update, (Act.RESTART,))


def stuck(update: Update) -> Step:
    """The station does not restart, however often it is asked: what runs is what there is."""
    if update.phase not in (Phase.REBOOTING, Phase.TAKING_BACK):
        return Step(update)
    step = _end(update, FirmwareStatus.INSTALLATION_FAILED)
    return msgspec.structs.replace(step, acts=(Act.ROLL_BACK, *step.acts))


def resume(update: Update, running: str, trial: Trial | None, now_ms: int) -> Step:
    """The process started: `running` is the release that it is of."""
    pending = trial is not None and not trial.rolled_back
    on_trial = pending and trial is not None and trial.version == running
    match update.phase:
        case Phase.SCHEDULED | Phase.RETRYING | Phase.INSTALL_SCHEDULED:
            return due(update, now_ms)
        case Phase.DOWNLOADING:
            return _fetch(update)
        case Phase.INSTALLING if pending:
            return _reboot(update)
        case Phase.INSTALLING if update.installs >= MAX_INSTALLS:
            return _end(update, FirmwareStatus.INSTALLATION_FAILED)
        case Phase.INSTALLING:
            return _install(update)
        case Phase.REBOOTING if pending and not update.restarting:
            return Step(update, (Act.RESTART,))  # only the link began anew
        case Phase.TAKING_BACK if not update.restarting:
            return Step(update, (Act.ROLL_BACK,))
        case Phase.REBOOTING | Phase.PROVING if on_trial:
            return Step(_in(update, Phase.PROVING), (Act.PROVE,))
        case Phase.CONFIRMING if trial is None or on_trial:
            return Step(update, (Act.CONFIRM,))
        case Phase.TAKING_BACK if on_trial:
            return Step(update, (Act.ROLL_BACK,))
        case Phase.REBOOTING | Phase.PROVING | Phase.CONFIRMING | Phase.TAKING_BACK:
            step = _end(update, FirmwareStatus.INSTALLATION_FAILED)
            return msgspec.structs.replace(step, acts=(Act.ROLL_BACK, *step.acts))
        case _:
            return Step(update)


def restarting(update: Update) -> Update:
    """The station is about to restart, in half a second. A link that dies within it is taken for
    one that has restarted with everything: the core then runs the former release until it next
    begins anew."""
    if update.phase not in (Phase.REBOOTING, Phase.TAKING_BACK):
        return update
    return msgspec.structs.replace(update, restarting=True)


def told(update: Update) -> Update:
    """The back office heard the first of the untold."""
    return msgspec.structs.replace(update, untold=update.untold[1:])


def _fetch(update: Update) -> Step:
    update = msgspec.structs.replace(update, phase=Phase.DOWNLOADING, attempts=update.attempts + 1)
    return Step(update, (Act.FETCH,))


def _fetch_failed(update: Update, end: End, now_ms: int) -> Step:
    hopeless = end.outcome in (Outcome.BAD_LOCATION, Outcome.UNSUPPORTED, Outcome.TOO_LARGE)
    if hopeless or update.attempts > update.request.retries:
        return _end(update, FirmwareStatus.DOWNLOAD_FAILED)
    return Step(
        _in(update, Phase.RETRYING),
        (Act.AWAIT,),
        now_ms + max(MIN_RETRY_S, update.request.retry_s) * 1_000,
    )


def _await_install(update: Update, now_ms: int) -> Step:
    """L01.FR.05, L01.FR.16: at once, or at the time that was named. `idle` follows when it is."""
    at_ms = update.request.install_at_ms
    if at_ms is None or at_ms <= now_ms:
        return Step(_in(update, Phase.WAITING))
    if update.phase is not Phase.INSTALL_SCHEDULED:
        update = _tell(_in(update, Phase.INSTALL_SCHEDULED), FirmwareStatus.INSTALL_SCHEDULED)
    return Step(update, (Act.AWAIT,), at_ms)


def _install(update: Update) -> Step:
    update = msgspec.structs.replace(update, phase=Phase.INSTALLING, installs=update.installs + 1)
    return Step(update, (Act.INSTALL,))


def _reboot(update: Update) -> Step:
    update = _tell(_in(update, Phase.REBOOTING), FirmwareStatus.INSTALL_REBOOTING)
    return Step(update, (Act.RESTART,))


def _end(update: Update, status: FirmwareStatus) -> Step:
    return Step(_in(_tell(update, status), Phase.ENDED), (Act.DISCARD,))


def _in(update: Update, phase: Phase) -> Update:
    return msgspec.structs.replace(update, phase=phase)


def _tell(update: Update, status: FirmwareStatus) -> Update:
    """L01.FR.01, L01.FR.10: each new state is told, with the id of its request."""
    report = FirmwareReport(status, update.request.request_id)
    return msgspec.structs.replace(update, status=status, untold=(*update.untold, report))
