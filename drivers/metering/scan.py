"""The search for meters on a line: what answers, at which settings, and which models it may be.

It only ever reads. The pure parts are search.py and recognise.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from drivers.errors import MeterError, MeterRejected, MeterUnreachable
from drivers.metering.bus import ModbusBus
from drivers.metering.decode import decode
from drivers.metering.exchange import Exchange, Outcome
from drivers.metering.frames import answers_in
from drivers.metering.map import Line, MeterMap, Request, requests_for
from drivers.metering.recognise import fits, witnesses
from drivers.metering.search import FUNCTIONS, GREETING, Plan
from evse.model import MeterReading

WEAK = 2
"""What fits less than half as well as the best is chance."""


class Match(msgspec.Struct, frozen=True):
    """A model that the answers of a unit fit."""

    model: str
    reading: MeterReading
    weight: int
    """How much of it could be seen to fit."""


class Found(msgspec.Struct, frozen=True):
    """Who answers, and what it may be, the likeliest first."""

    line: Line
    unit: int
    matches: tuple[Match, ...]


class Scan:
    """One search at `port`. `tell` hears each line setting before it is tried."""

    def __init__(
        self,
        port: str,
        plan: Plan,
        maps: Mapping[str, MeterMap],
        *,
        tell: Callable[[str], None],
    ) -> None:
        self._port = port
        self._plan = plan
        self._maps = maps
        self._tell = tell
        self.oddest: tuple[Line, Exchange] | None = None
        """Where nothing answered soundly: what came instead, or what was in the way."""

    async def run(self) -> list[Found]:
        """Who answers with the first setting that anybody answers with. Raises MeterUnreachable
        for a port that can not be used at all."""
        refusals: list[tuple[Line, Exchange, MeterUnreachable]] = []
        for line in self._plan.lines:
            self._tell(line.words)
            bus = ModbusBus(self._port, line, timeout_ms=self._plan.timeout_ms)
            try:
                if found := await self._all_on(bus):
                    return found
            except MeterUnreachable as error:
                if bus.seen.last.outcome is not Outcome.PORT_REFUSES:
                    self.oddest = (line, bus.seen.last)
                    raise
                refusals.append((line, bus.seen.last, error))
            finally:
                await bus.aclose()
        if len(refusals) == len(self._plan.lines):
            line, exchange, refusal = refusals[0]
            self.oddest = (line, exchange)
            raise refusal
        return []

    async def _all_on(self, bus: ModbusBus) -> list[Found]:
        present = {unit: await self._hears(bus, unit) for unit in self._plan.units}
        return [
            Found(bus.line, unit, tuple(await self._recognised(bus, unit, functions)))
            for unit, functions in present.items()
            if functions
        ]

    async def _hears(self, bus: ModbusBus, unit: int) -> list[int]:
        """The functions that `unit` answers, be it with an exception."""
        heard = []
        for function in FUNCTIONS:
            try:
                await bus.read(unit, function, GREETING)
                heard.append(function)
            except MeterRejected:
                heard.append(function)
            except MeterUnreachable:
                raise
            except MeterError:
                last = bus.seen.last
                if any(frame[0] == unit for frame in answers_in(last.heard)):
                    heard.append(function)
                elif last.heard and self.oddest is None:
                    self.oddest = (bus.line, last)
        return heard

    async def _recognised(self, bus: ModbusBus, unit: int, functions: list[int]) -> list[Match]:
        known: dict[tuple[int, Request], list[int] | None] = {}
        found = []
        for model, meter_map in self._maps.items():
            if meter_map.function_code not in functions:
                continue
            reading = await self._read(bus, unit, meter_map, known)
            weight = 0 if reading is None else fits(reading)
            if reading is not None and weight:
                found.append(Match(model, reading, weight))
        return self._likeliest(found)

    def _likeliest(self, found: list[Match]) -> list[Match]:
        """Without those of which far less fits than of the best; of those that fit alike, the
        well-known first."""
        best = max((match.weight for match in found), default=0)
        return sorted(
            (match for match in found if match.weight * WEAK >= best),
            key=lambda match: (-match.weight, bool(self._maps[match.model].doubts), match.model),
        )

    async def _read(
        self,
        bus: ModbusBus,
        unit: int,
        meter_map: MeterMap,
        known: dict[tuple[int, Request], list[int] | None],
    ) -> MeterReading | None:
        """A reading with this map; None where the unit has not all its registers."""

        async def ask(request: Request) -> list[int] | None:
            key = (meter_map.function_code, request)
            if key not in known:
                known[key] = await _registers(bus, unit, *key)
            return known[key]

        for witness in witnesses(meter_map):
            if await ask(Request(witness.address, witness.registers)) is None:
                return None
        answers = []
        requests = requests_for(meter_map)
        for request in requests:
            answer = await ask(request)
            if answer is None:
                return None
            answers.append(answer)
        try:
            return decode(meter_map, requests, answers, 0)
        except MeterError:
            return None


async def _registers(
    bus: ModbusBus, unit: int, function: int, request: Request
) -> list[int] | None:
    """None where the unit does not tell them. Raises MeterUnreachable."""
    try:
        return await bus.read(unit, function, request)
    except MeterUnreachable:
        raise
    except MeterError:
        return None
