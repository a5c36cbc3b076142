"""The session statechart of one EVSE: which states there are and what leads from one to the next.

It says what is *allowed* and what is *announced*; when to move is decided in session/rules.py.
Callbacks only append to the outbox: a SessionEventEnum is announced as is, an Act is carried out
by the session. Every event and state is spec §C2's; the event order is §C9's.
"""

from __future__ import annotations

import enum

from statemachine import State

from evse.session.statechart import SafeChart
from evse.types.session import SessionEventEnum as Event


class Act(enum.Enum):
    """What the session does beside announcing."""

    BEGIN_SESSION = "begin session"
    """If none runs yet (a token may have begun it)."""
    BEGIN_TRANSACTION = "begin transaction"
    END_TRANSACTION = "end transaction"
    """If one is active: announces ChargingFinished and TransactionFinished."""
    END_SESSION = "end session"
    """If one is active: announces SessionFinished."""


class SessionChart(SafeChart):
    """States of a charging session (spec §C2)."""

    booting = State(initial=True)
    disabled = State()
    idle = State()
    waiting_auth = State()
    preparing = State()
    charging = State()
    paused_ev = State()
    paused_evse = State()
    waking = State()
    switching = State()
    stopping = State()
    finished = State()

    boot = booting.to(idle)
    boot_disabled = booting.to(disabled)

    enable = disabled.to(idle)
    disable = idle.to(disabled) | finished.to(disabled)

    plug = idle.to(waiting_auth)
    grant = waiting_auth.to(preparing)
    abandon = waiting_auth.to(finished)
    unplug = finished.to(idle)

    wake = preparing.to(waking)
    woken = waking.to(preparing)
    switch_phases = charging.to(switching)
    switched = switching.to(preparing)

    car_ready = preparing.to(charging) | paused_ev.to(preparing)
    car_waits = charging.to(paused_ev) | preparing.to(paused_ev)
    suspend = preparing.to(paused_evse) | paused_ev.to(paused_evse) | paused_evse.to(paused_evse)
    resume = paused_evse.to(preparing)

    halt = (
        preparing.to(stopping)
        | charging.to(stopping)
        | paused_ev.to(stopping)
        | paused_evse.to(stopping)
        | waking.to(stopping)
        | switching.to(stopping)
    )
    finish = stopping.to(finished)
    halted_by_evse = stopping.to(paused_evse)
    halted_by_ev = stopping.to(paused_ev)

    def on_enter_disabled(self) -> None:
        self.outbox += [Act.END_SESSION, Event.Disabled]

    def on_boot(self) -> None:
        self.outbox.append(Event.Enabled)

    def on_enable(self) -> None:
        self.outbox.append(Event.Enabled)

    def on_unplug(self) -> None:
        self.outbox.append(Act.END_SESSION)

    def on_enter_waiting_auth(self) -> None:
        self.outbox += [Act.BEGIN_SESSION, Event.AuthRequired]

    def on_grant(self) -> None:
        self.outbox.append(Act.BEGIN_TRANSACTION)

    def on_enter_preparing(self) -> None:
        self.outbox.append(Event.PrepareCharging)

    def on_enter_charging(self) -> None:
        self.outbox.append(Event.ChargingStarted)

    def on_enter_paused_ev(self) -> None:
        self.outbox.append(Event.ChargingPausedEV)

    def on_enter_paused_evse(self) -> None:
        self.outbox.append(Event.ChargingPausedEVSE)

    def on_enter_switching(self) -> None:
        self.outbox.append(Event.SwitchingPhases)

    def on_enter_stopping(self) -> None:
        self.outbox.append(Event.StoppingCharging)

    def on_enter_finished(self) -> None:
        self.outbox.append(Act.END_TRANSACTION)
