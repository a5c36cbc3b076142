"""The bus doctor: what was seen on a serial line, as one sentence with its likely cause, and what
to do about it. Pure; it never raises, whatever the bytes are.

It knows what a master sees: nothing, too much, or something else than the answer. Each sign has
more than one cause; what is said is what is most often behind it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from drivers.metering.exchange import Exchange, Outcome
from drivers.metering.map import Line
from drivers.metering.remedies import REMEDIES
from drivers.metering.signs import Sign, sign_of

_PORT_SIGNS = {
    Outcome.PORT_MISSING: Sign.PORT_MISSING,
    Outcome.PORT_HELD: Sign.PORT_HELD,
    Outcome.PORT_FORBIDDEN: Sign.PORT_FORBIDDEN,
    Outcome.PORT_REFUSES: Sign.PORT_REFUSES,
    Outcome.PORT_FAILED: Sign.PORT_FAILED,
}
_EXCEPTION_SIGNS = {
    1: Sign.REFUSES_FUNCTION,
    2: Sign.REFUSES_ADDRESS,
    3: Sign.REFUSES_COUNT,
    4: Sign.BROKEN,
    5: Sign.BUSY,
    6: Sign.BUSY,
    10: Sign.GATEWAY,
    11: Sign.GATEWAY,
}
"""Exception codes of the Modbus Application Protocol 1.1b3, 7."""
LASTING = 3
"""So many failures of a kind one after the other are no chance any more."""
_DAMAGE = frozenset({Sign.CLASH, Sign.CUT_SHORT, Sign.GIBBERISH, Sign.STRAY, Sign.LOST_START})
"""Signs that are only chance where other answers were sound."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What is likely wrong with one unit of a line."""

    sign: Sign
    says: str
    """A clause."""
    do: str
    """What to try: whole sentences."""

    @property
    def words(self) -> str:
        return f"{self.says}. {self.do}"


def diagnose(
    seen: Iterable[Exchange], unit: int, line: Line, port: str, *, answered: bool = False
) -> Diagnosis | None:
    """What the exchanges of a line (oldest first) say of `unit`; None where all is well, or nothing
    was asked yet. `answered`: it did once, maybe before what is in `seen`."""
    exchanges = list(seen)
    own = [one for one in exchanges if one.unit == unit]
    if not own:
        return None
    answered = answered or _count(own, Outcome.ANSWERED) > 0
    sign, other = _sign(exchanges, own, line, answered)
    if sign is None:
        return None
    says, do = REMEDIES[sign]
    names = _names(own, unit, line, port, other)
    return Diagnosis(sign, says.format(**names), do.format(**names))


def _sign(
    exchanges: list[Exchange], own: list[Exchange], line: Line, answered: bool
) -> tuple[Sign | None, str]:
    last = own[-1]
    if _count(own, Outcome.DOUBLED):
        return Sign.DOUBLED, ""
    if last.outcome is Outcome.ANSWERED:
        return (Sign.SPORADIC if _count(own, Outcome.GARBLED) else None), ""
    if last.outcome is Outcome.REJECTED:
        return _EXCEPTION_SIGNS.get(last.exception_code, Sign.REFUSES), ""
    lasting = _run(own) >= LASTING
    if last.outcome is Outcome.GARBLED:
        sign, other = sign_of(last, line)
        sometimes = answered and not lasting and sign in _DAMAGE
        return (Sign.SPORADIC, "") if sometimes else (sign, other)
    if last.outcome is not Outcome.SILENT:
        return _PORT_SIGNS[last.outcome], ""
    if answered and not lasting:
        return Sign.PATCHY, ""
    return _of_silence(exchanges, last, answered), ""


def _of_silence(exchanges: list[Exchange], last: Exchange, answered: bool) -> Sign:
    """Of a silence that lasts, or was never broken."""
    since = next(
        (at for at, one in enumerate(reversed(exchanges)) if _is_sound(one, last.unit)),
        len(exchanges),
    )
    if any(_is_sound(one) for one in exchanges[len(exchanges) - since :]):
        return Sign.SILENT_ALONE
    if last.heard:
        return Sign.ECHO_ONLY
    return Sign.WENT_SILENT if answered else Sign.SILENT


def _is_sound(one: Exchange, unit: int | None = None) -> bool:
    sound = one.outcome in (Outcome.ANSWERED, Outcome.REJECTED)
    return sound and (unit is None or one.unit == unit)


def _run(own: list[Exchange]) -> int:
    """How many of the last exchanges ended like the very last."""
    return next(
        (at for at, one in enumerate(reversed(own)) if one.outcome is not own[-1].outcome),
        len(own),
    )


def _count(own: list[Exchange], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in own)


def _names(
    own: list[Exchange], unit: int, line: Line, port: str, other: str
) -> dict[str, str | int]:
    """What the sentences may name."""
    last = own[-1]
    sent = last.sent.ljust(6, b"\0")
    missed = _count(own, Outcome.SILENT)
    return {
        "port": port,
        "unit": unit,
        "line": line.words,
        "other": other,
        "of": len(own),
        "damaged": _count(own, Outcome.GARBLED),
        "missed": missed,
        "function": sent[1],
        "address": f"{int.from_bytes(sent[2:4], 'big'):#06x}",
        "count": int.from_bytes(sent[4:6], "big"),
        "code": last.exception_code,
    }
