"""What each command answers in each situation (spec §A1.3), and that a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from session_rig import Rig, cable_evse, limit_of, stop_for, token

from evse.model import LockState, PilotState, Reason
from evse.types.session import StopTransactionReason

A, B, C = PilotState.A, PilotState.B, PilotState.C

Situation = Callable[[], Rig]
Ask = Callable[[Rig], bool]


def booting() -> Rig:
    return Rig()


def idle() -> Rig:
    rig = Rig()
    rig.tick()
    return rig


def waiting() -> Rig:
    rig = idle()
    rig.car(B)
    return rig


def awaited() -> Rig:
    rig = idle()
    rig.session.authorize(token())
    return rig


def preparing() -> Rig:
    rig = waiting()
    rig.session.authorize(token())
    rig.tick()
    return rig


def charging() -> Rig:
    return Rig().charging()


def paused_by_the_user() -> Rig:
    rig = charging()
    rig.session.pause_charging()
    rig.run(500)
    return rig


def paused_by_the_car() -> Rig:
    rig = charging()
    rig.car(B)
    return rig


def without_energy() -> Rig:
    rig = charging()
    rig.session.set_external_limits(limit_of(0))
    rig.run(500)
    return rig


def on_error() -> Rig:
    rig = charging()
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.run(500)
    return rig


def stopping() -> Rig:
    rig = charging()
    rig.board.stuck_closed = True
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.tick()
    return rig


def finished() -> Rig:
    rig = charging()
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(500)
    return rig


def reserved() -> Rig:
    rig = idle()
    rig.session.reserve(7)
    return rig


def disabled() -> Rig:
    rig = idle()
    rig.session.disable(0)
    rig.tick()
    return rig


def disabled_by_its_connector() -> Rig:
    rig = idle()
    rig.session.disable(1)
    rig.tick()
    return rig


def declared_faulty() -> Rig:
    rig = idle()
    rig.session.set_faulted()
    return rig


def board_lost() -> Rig:
    rig = idle()
    rig.board_answers = False
    rig.session.on_board_lost()
    return rig


def board_lost_while_disabled() -> Rig:
    rig = disabled()
    rig.board_answers = False
    rig.session.on_board_lost()
    return rig


def enable(rig: Rig) -> bool:
    return rig.session.enable(0)


def disable(rig: Rig) -> bool:
    return rig.session.disable(0)


def reserve(rig: Rig) -> bool:
    return rig.session.reserve(7)


def reserve_another(rig: Rig) -> bool:
    return rig.session.reserve(8)


def pause(rig: Rig) -> bool:
    return rig.session.pause_charging()


def resume(rig: Rig) -> bool:
    return rig.session.resume_charging()


def stop(rig: Rig) -> bool:
    return rig.session.stop_transaction(stop_for(StopTransactionReason.Local))


def authorize(rig: Rig) -> bool:
    return rig.session.authorize(token())


def authorize_another(rig: Rig) -> bool:
    return rig.session.authorize(token("OTHER"))


TRUE: dict[Ask, tuple[Situation, ...]] = {
    enable: (idle, disabled, waiting, charging, reserved),
    disable: (idle, disabled, waiting, charging, finished, declared_faulty, board_lost),
    reserve: (idle, reserved),
    pause: (preparing, charging, paused_by_the_user, paused_by_the_car, on_error, stopping),
    resume: (paused_by_the_user,),
    stop: (preparing, charging, paused_by_the_user, paused_by_the_car, on_error, stopping),
    authorize: (idle, waiting, awaited, charging, reserved),
}
FALSE: dict[Ask, tuple[Situation, ...]] = {
    enable: (
        disabled_by_its_connector,
        declared_faulty,
        board_lost,
        board_lost_while_disabled,
    ),
    reserve: (
        *(booting, waiting, awaited, preparing, charging, paused_by_the_user, finished),
        *(disabled, declared_faulty, board_lost),
    ),
    reserve_another: (reserved, charging, disabled),
    pause: (booting, idle, waiting, awaited, finished, disabled),
    resume: (
        *(booting, idle, waiting, charging, paused_by_the_car, without_energy, on_error),
        *(finished, disabled),
    ),
    stop: (booting, idle, waiting, awaited, finished, disabled),
    authorize: (booting, stopping, finished, disabled),
    authorize_another: (awaited, charging, stopping, finished, disabled),
}


def cells(table: dict[Ask, tuple[Situation, ...]]) -> list[object]:
    return [
        pytest.param(ask, situation, id=f"{ask.__name__}-{situation.__name__}")
        for ask, situations in table.items()
        for situation in situations
    ]


@pytest.mark.parametrize(("ask", "situation"), cells(TRUE))
def test_a13_granted(ask: Ask, situation: Situation) -> None:
    assert ask(situation()) is True


@pytest.mark.parametrize(("ask", "situation"), cells(FALSE))
def test_a13_refused_and_nothing_is_told(ask: Ask, situation: Situation) -> None:
    rig = situation()
    told, state = rig.names, rig.session.state
    assert ask(rig) is False
    if ask is not enable:  # what is enabled is kept, for when the board or the repair is there
        assert (rig.names, rig.session.state) == (told, state)


REPEATED: dict[Ask, Situation] = {
    enable: idle,
    disable: disabled,
    reserve: reserved,
    pause: paused_by_the_user,
    authorize: awaited,
    stop: stopping,
}


@pytest.mark.parametrize(
    ("ask", "situation"), [pytest.param(a, s, id=a.__name__) for a, s in REPEATED.items()]
)
def test_a13_the_same_again_is_true_and_tells_nothing(ask: Ask, situation: Situation) -> None:
    rig = situation()
    told = rig.names
    assert ask(rig) is True
    rig.tick()
    assert rig.names == told


@pytest.mark.parametrize("situation", [booting, idle, charging, finished, disabled])
def test_a13_cancelling_or_withdrawing_what_is_not_there_tells_nothing(
    situation: Situation,
) -> None:
    rig = situation()
    told = rig.names
    rig.session.cancel_reservation()
    rig.session.withdraw_authorization()
    assert rig.names == told


def test_a13_what_was_asked_of_a_lost_board_holds_once_it_answers() -> None:
    rig = board_lost()
    assert disable(rig) is True
    rig.board_answers = True
    rig.run(1_000)
    assert rig.session.state == "disabled"
    rig.board_answers = False
    rig.session.on_board_lost()
    assert enable(rig) is False
    rig.board_answers = True
    rig.run(1_000)
    assert rig.session.state == "idle"
    assert enable(rig) is True


@pytest.mark.parametrize(
    ("rig", "connector_id", "outcome"),
    [
        (idle, 1, True),
        (idle, 0, True),
        (charging, 1, True),
        (finished, 1, True),
        (disabled, 1, True),
        (idle, 2, False),
        (lambda: Rig(cable_evse()), 1, False),
        (stopping, 1, False),
        (board_lost, 1, False),
    ],
)
def test_a13_force_unlock_tells_the_true_outcome(
    rig: Situation, connector_id: int, outcome: bool
) -> None:
    there, answers = rig(), list[bool]()
    there.session.force_unlock(connector_id, answers.append)
    there.run(26_000)
    assert answers == [outcome]
    if outcome:
        assert there.board.lock is LockState.UNLOCKED
