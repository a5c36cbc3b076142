"""The pilot's 1 kHz from a hardware PWM of the kernel, by its files in /sys/class/pwm.

A level shifter makes of this pin the pilot: pin high is +12 V, pin low is -12 V (`inverted`: the
other way round). X1 is a duty as long as the period, F a duty of nothing, and both leave the
output *enabled*: what a disabled one puts out is the overlay's business and nobody's promise.

What Linux does not do: the PWM runs on, with its last duty, when this process dies or hangs, and
when it is killed no code of ours runs. What then takes the energy away is ring 0, the coil
supply's watchdog; `make_safe` at the end of this module is for the service manager's
`ExecStopPost=`, and the next start takes over whatever it finds and goes to X1 before all else.
The look back once a second reads what the kernel was last asked for; a program that writes to the
registers behind its back goes unnoticed here, and is seen by the pilot's own converter alone.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable
from typing import NoReturn

from drivers.errors import PwmAltered, PwmGone
from drivers.machine import Machine
from drivers.pilot.pwm_chip import PwmOutput, find_pwm
from evse.board_faults import Wiring
from evse.model import F_BP, X1_BP

PERIOD_NS = 1_000_000
"""1 kHz (IEC 61851-1 Annex A, Table A.2)."""
PERMISSION_MS = 2_000
"""How long the files of a fresh export may refuse us: udev hands them to the group gpio a moment
later, on its own time."""
LAST_WAIT_MS = 200
LAST_LOOK_MS = 10
CHECK_MS = 1_000
RETRY_MS = 1_000
"""How often a lost output is looked for."""

_POLARITIES = ("normal", "inversed")
_NOT_YET = (errno.EACCES, errno.EPERM, errno.ENOENT)


class HardwarePwm:
    """One pilot output. Nothing is driven before `open` has said so."""

    def __init__(
        self, machine: Machine, *, gpio: int, inverted: bool = False, device: str | None = None
    ) -> None:
        """`gpio`: BCM number. `device`: see `find_pwm`. Touches nothing yet."""
        self._machine = machine
        self._gpio = gpio
        self._inverted = inverted
        self._device = device
        self._folder = ""
        self._ready = False
        self._duty_bp = X1_BP
        self._waiting_since_ms: int | None = None
        self._checked_ms = 0
        self._doubted = False
        """Has the last look back failed?"""
        self._retry_ms: int | None = None
        self._wiring = Wiring(0)

    @property
    def ready(self) -> bool:
        """Is the output ours, enabled, and with the right period?"""
        return self._ready

    @property
    def duty_bp(self) -> int:
        """What was last put out, basis points."""
        return self._duty_bp

    def open(self, now_ms: int) -> bool:
        """Take the output, at X1; call again each period until it returns True.

        False: exported, and udev has not given us its files yet. Raises PwmGone: no such output,
        held by another driver, or not ours after PERMISSION_MS; it may be called again even then.
        """
        if self._ready:
            return True
        output = find_pwm(self._machine, self._gpio, device=self._device)
        self._folder = output.folder
        try:
            self._export(output)
            self._bring_to(X1_BP)
        except OSError as error:
            if not self._may_still_come(error, now_ms):
                self._refused(error)
            return False
        self._ready = True
        self._doubted = False
        self._waiting_since_ms = None
        self._checked_ms = now_ms
        return True

    def set_duty_bp(self, duty_bp: int) -> None:
        """Put out `duty_bp` (0 = F, 10 000 = X1), from the PWM's next period on.

        Written only on change. Raises ValueError out of range; PwmGone before `open` succeeded
        and when the output is lost.
        """
        if not F_BP <= duty_bp <= X1_BP:
            raise ValueError(f"a duty of {duty_bp} basis points is none: 0 to {X1_BP}")
        if not self._ready:
            raise PwmGone(f"GPIO{self._gpio}: the PWM output is not open")
        if duty_bp == self._duty_bp:
            return
        try:
            self._write("duty_cycle", self._duty_ns(duty_bp))
        except OSError as error:
            self._lost(error)
        self._duty_bp = duty_bp

    def check(self, now_ms: int) -> None:
        """Once a second: is the output still what we asked for?

        A look that fails is made again by the next call. Raises PwmGone when that fails too, or
        the output takes no orders; PwmAltered when it was altered (it is put right first).
        """
        if not self._ready or now_ms - self._checked_ms < CHECK_MS:
            return
        found = self._look_back()
        if found is None:
            return
        self._checked_ms = now_ms
        wanted = (PERIOD_NS, self._duty_ns(self._duty_bp), True)
        if found != wanted:
            try:
                self._bring_to(self._duty_bp)
            except OSError as error:
                self._lost(error)
            raise PwmAltered(
                f"{self._folder}: period, duty, enable were {_named(found)} instead of "
                f"{_named(wanted)}; put right"
            )

    def drive(self, duty_bp: int, now_ms: int) -> Wiring:
        """The call of each guard period: open if need be, put out `duty_bp`, check now and then.

        Tells what is wrong instead of raising: PWM_GONE while there is no output (looked for once
        a second), PWM_ALTERED for a second. Raises ValueError for a duty out of range.
        """
        if self._retry_ms is not None and now_ms < self._retry_ms:
            return self._wiring
        before_ms = self._checked_ms
        try:
            if self.open(now_ms):
                self.set_duty_bp(duty_bp)
                self.check(now_ms)
                self._retry_ms = None
                if self._checked_ms != before_ms:
                    self._wiring = Wiring(0)
        except PwmAltered:
            self._wiring = Wiring.PWM_ALTERED
        except PwmGone:
            self._wiring = Wiring.PWM_GONE
            self._retry_ms = now_ms + RETRY_MS
        return self._wiring

    def make_safe(self) -> None:
        """X1 now, whatever we think is put out; also where the output was lost on the way. Raises
        PwmGone."""
        if not self._folder:
            return
        self._folder = find_pwm(self._machine, self._gpio, device=self._device).folder
        try:
            self._bring_to(X1_BP)
        except OSError as error:
            self._lost(error)

    def close(self) -> None:
        """X1, left enabled and exported. Idempotent; a lost output is nobody's to close."""
        with contextlib.suppress(PwmGone):
            self.make_safe()
        self._ready = False

    def _duty_ns(self, duty_bp: int) -> int:
        """How long the pin is high, rounded so that never more is offered than was asked for."""
        high_ns = PERIOD_NS * duty_bp // X1_BP
        return PERIOD_NS - high_ns if self._inverted else high_ns

    def _export(self, output: PwmOutput) -> None:
        try:
            self._machine.write_text(f"{output.chip}/export", f"{output.channel}")
        except OSError as error:
            if error.errno != errno.EBUSY:  # exported already: by a predecessor, or by udev
                raise

    def _bring_to(self, duty_bp: int) -> None:
        """From any state, in an order in which the duty never exceeds the period: EINVAL else."""
        period_ns, found_ns, enabled = self._found()
        if period_ns != PERIOD_NS:
            if found_ns > PERIOD_NS:
                self._write("duty_cycle", PERIOD_NS)
            self._write("period", PERIOD_NS)
        self._write("duty_cycle", self._duty_ns(duty_bp))
        self._duty_bp = duty_bp
        polarity = self._read("polarity")
        if polarity not in _POLARITIES:
            raise OSError(errno.EIO, f"polarity reads {polarity!r}")
        if polarity != "normal":
            if enabled:  # drivers refuse to turn a running output over
                self._write("enable", 0)
                enabled = False
            self._machine.write_text(f"{self._folder}/polarity", "normal")
        if not enabled:
            self._write("enable", 1)

    def _look_back(self) -> tuple[int, int, bool] | None:
        """None: it failed, for the first time in a row. Nothing was written, so the output is as it
        was; to open the contactor for one disturbed reading would be too eager."""
        try:
            found = self._found()
        except OSError as error:
            if self._doubted:
                self._lost(error)
            self._doubted = True
            return None
        self._doubted = False
        return found

    def _found(self) -> tuple[int, int, bool]:
        """Period and duty, nanoseconds, and whether it is enabled."""
        return self._number("period"), self._number("duty_cycle"), self._number("enable") == 1

    def _number(self, name: str) -> int:
        """Raises OSError, also for a file that is empty or half written."""
        text = self._read(name)
        try:
            return int(text)
        except ValueError as error:
            raise OSError(errno.EIO, f"{name} reads {text!r}") from error

    def _read(self, name: str) -> str:
        return self._machine.read_text(f"{self._folder}/{name}").strip()

    def _write(self, name: str, value: int) -> None:
        self._machine.write_text(f"{self._folder}/{name}", f"{value}")

    def _may_still_come(self, error: OSError, now_ms: int) -> bool:
        if error.errno not in _NOT_YET:
            return False
        if self._waiting_since_ms is None:
            self._waiting_since_ms = now_ms
        return now_ms - self._waiting_since_ms <= PERMISSION_MS

    def _refused(self, error: OSError) -> NoReturn:
        if error.errno == errno.ENOENT:
            hint = "another driver of the kernel holds this channel"
        elif error.errno in _NOT_YET:
            hint = (
                "its files stay closed to this user: join the group gpio, and see that udev "
                "gives PWM channels to that group"
            )
        else:
            hint = "the kernel refuses it"
        raise PwmGone(f"{self._folder}: {error.strerror}: {hint}") from error

    def _lost(self, error: OSError) -> NoReturn:
        self._ready = False
        raise PwmGone(f"{self._folder}: {error.strerror}: the PWM output is lost") from error


def sleep_ms(span_ms: int) -> None:
    """Real time passes: at a board's begin and end alone, never in a period of ring 1."""
    time.sleep(span_ms / 1_000)


def make_safe(
    machine: Machine,
    gpio: int,
    *,
    inverted: bool = False,
    device: str | None = None,
    pause: Callable[[int], None] = sleep_ms,
) -> None:
    """X1 at once, with nothing else configured: for `ExecStopPost=` after any end of the guard,
    when the coils are off already.

    Waits for LAST_WAIT_MS at most where nobody has exported the output before. `pause`: lets so
    many milliseconds pass. Raises PwmGone: the output is not there or not ours.
    """
    pwm = HardwarePwm(machine, gpio=gpio, inverted=inverted, device=device)
    for waited_ms in range(0, LAST_WAIT_MS, LAST_LOOK_MS):
        if pwm.open(waited_ms):
            return
        pause(LAST_LOOK_MS)
    raise PwmGone(f"GPIO{gpio}: the files of its PWM output are closed to this user")


def _named(state: tuple[int, int, bool]) -> str:
    period_ns, duty_ns, enabled = state
    return f"{period_ns} ns, {duty_ns} ns, {'on' if enabled else 'off'}"
