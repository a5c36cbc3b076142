"""What the broker holds to, whatever the order of cards, answers, time-outs, cars and reservations.

The broker is driven with two EVSEs, cards of which one is of the master group, a validator that
answers late, wrongly, twice or never, and everything else that may happen meanwhile.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from auth_rig import AuthRig, bad, good, of_group
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from session_rig import stop_for, token

from evse.authorization.bookings import Holder
from evse.authorization.reservation_book import expiry_of
from evse.door.jsonrpc import NOT_AVAILABLE, RpcError
from evse.types.authorization import AuthorizationType, WithdrawAuthorizationRequest
from evse.types.reservation import Reservation
from evse.types.session import StopTransactionReason

EVSES = (1, 2)
CARDS = {"ONE": "FLEET", "TWO": "FLEET", "LONER": "", "KEY": "MASTER"}
"""Card -> the group that its validator knows."""
ANYWHERE = st.none()
card = st.sampled_from(sorted(CARDS))
evse = st.sampled_from(EVSES)


class AnyOrder(RuleBasedStateMachine):
    """Rules are what people, cars, validators and back offices do."""

    @initialize(
        selection=st.sampled_from(["FindFirst", "PlugEvents", "PlugEventsLIFO", "UserInput"]),
        reswipe=st.booleans(),
        start_first=st.booleans(),
        plug_in_timeout=st.booleans(),
        may_name=st.booleans(),
    )
    def begin(
        self,
        selection: str,
        reswipe: bool,
        start_first: bool,
        plug_in_timeout: bool,
        may_name: bool,
    ) -> None:
        self.rig = AuthRig(
            len(EVSES),
            selection=selection,
            stop_on_reswipe=reswipe,
            prioritize_authorization_over_stopping_transaction=start_first,
            plug_in_timeout=plug_in_timeout,
            master_pass_group_id="MASTER",
        )
        self.presented: Counter[str] = Counter()
        self.may_name = may_name
        """Somebody says which EVSE a card is for; then it may have one by each name."""
        self.seen = dict.fromkeys(EVSES, 0)
        self.kept: dict[int, Reservation] = {}

    # --- what happens -----------------------------------------------------------------------------

    @rule(value=card, meant=ANYWHERE | evse, remote=st.booleans(), known=st.booleans())
    def present(self, value: str, meant: int | None, remote: bool, known: bool) -> None:
        before = self._memory() if self._is_fruitless(value) and not known else None
        more: dict[str, Any] = {"prevalidated": True, "parent_id_token": of_group(CARDS[value])}
        given = token(value, **(more if known else {}))
        if remote:
            given = msgspec.structs.replace(given, authorization_type=AuthorizationType.OCPP)
        if meant is not None and self.may_name:
            given = msgspec.structs.replace(given, connectors=(meant,))
        self.presented[value] += 1
        running = self.rig.running()
        self._note_kept()
        self.rig.broker.present(given)
        self.rig.settle()
        if remote:
            assert self.rig.running().items() >= running.items(), "a remote start stopped something"
        assert before is None or before == self._memory()

    @rule(number=st.integers(0, 5), kind=st.sampled_from(["good", "bad", "nonsense", "gone"]))
    def answer(self, number: int, kind: str) -> None:
        """Of any question that is open, in any order."""
        door = self.rig.door
        if not door.asked:
            return
        number %= len(door.asked)
        value = door.asked[number][0].id_token.value
        before = self._memory()
        self._note_kept()
        if kind == "good":
            door.answer(good(CARDS[value]), number=number)
        elif kind == "bad":
            door.answer(bad(), number=number)
        else:
            door.say({} if kind == "nonsense" else RpcError(NOT_AVAILABLE, "gone"), number=number)
        if kind != "good":
            assert self._memory() == before, "a refused token changed something"

    @rule(value=card, meant=ANYWHERE | evse)
    def present_and_answer(self, value: str, meant: int | None) -> None:
        """What happens mostly."""
        self.rig.door.there = True
        self.present(value, meant, remote=False, known=False)
        self.answer(len(self.rig.door.asked) - 1, "good")

    @rule(value=card, meant=evse)
    def reserve_and_let_another_try(self, value: str, meant: int) -> None:
        for other in CARDS:
            self.rig.reserve(1, value, evse_id=meant)
            self.present_and_answer(other, None)

    @rule(there=st.booleans())
    def validator(self, there: bool) -> None:
        self.rig.door.there = there

    @rule(number=evse)
    def plug(self, number: int) -> None:
        self._note_kept()
        self.rig.plug(number)

    @rule(number=evse)
    def unplug(self, number: int) -> None:
        self.rig.unplug(number)

    @rule(seconds=st.sampled_from([1, 30, 45, 61]))
    def wait(self, seconds: int) -> None:
        self._note_kept()
        self.rig.run(seconds * 1_000)

    @rule(number=evse, on=st.booleans())
    def availability(self, number: int, on: bool) -> None:
        session = self.rig.rigs[number].session
        _ = session.enable(1) if on else session.disable(1)
        self.rig.settle()

    @rule(number=evse)
    def stop(self, number: int) -> None:
        session = self.rig.rigs[number].session
        session.stop_transaction(stop_for(StopTransactionReason.Remote))
        self.rig.settle()

    @rule(number=ANYWHERE | evse)
    def withdraw(self, number: int | None) -> None:
        running = self.rig.running()
        wanted = {} if number is None else {"evse_id": number}
        self.rig.broker.withdraw(WithdrawAuthorizationRequest(**wanted))
        self.rig.settle()
        assert self.rig.running() == running

    @rule(number=evse)
    def select(self, number: int) -> None:
        self._note_kept()
        self.rig.broker.select(number)
        self.rig.settle()

    @rule(value=card, number=evse)
    def told(self, value: str, number: int) -> None:
        """authorize_response, from somebody who has chosen both."""
        if not self.may_name:
            return
        self.presented[value] += 1
        self.kept.pop(number, None)  # its caller heeds reservations, or does not
        self.rig.broker.respond(number, token(value), good(CARDS[value]))
        self._judge_newcomers(heed=False)

    @rule(number=st.integers(1, 3), value=card, meant=ANYWHERE | evse)
    def reserve(self, number: int, value: str, meant: int | None) -> None:
        self.rig.reserve(number, value, seconds=40, **({} if meant is None else {"evse_id": meant}))

    @rule(number=st.integers(1, 3))
    def cancel(self, number: int) -> None:
        self.rig.broker.reservations.cancel(number)

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def what_is_kept_is_for_its_holder_and_the_master_group_starts_nothing(self) -> None:
        self._judge_newcomers(heed=True)

    @invariant()
    def one_presentation_authorizes_at_most_one_evse(self) -> None:
        given: Counter[str] = Counter()
        for line in self.rig.statuses:
            value, _, status = line.partition(" ")
            given[value] += status == "UsedToStart"
        assert all(given[value] <= self.presented[value] for value in given), given

    @invariant()
    def a_card_that_was_meant_for_any_evse_has_at_most_one(self) -> None:
        held = Counter(self.rig.authorized().values())
        assert self.may_name or all(count == 1 for count in held.values()), held

    @invariant()
    def no_more_is_promised_than_there_is(self) -> None:
        assert len(self.rig.broker.reservations) <= len(EVSES)

    @invariant()
    def nothing_stands_longer_than_its_time(self) -> None:
        self.rig.settle()
        now_ms, due_ms = self.rig.clock.now_ms(), self.rig.broker.next_deadline_ms
        assert due_ms is None or due_ms > now_ms
        utc = self.rig.clock.utc()
        assert all(expiry_of(r) > utc for r in self.rig.broker.reservations._all.values())

    # --- inside -----------------------------------------------------------------------------------

    def _note_kept(self) -> None:
        """What is kept for whom, before something may start."""
        book = self.rig.broker.reservations
        self.kept = {n: r for n in EVSES if (r := book._at_evse(n)) is not None}

    def _judge_newcomers(self, *, heed: bool) -> None:
        for number, rig in self.rig.rigs.items():
            new, self.seen[number] = rig.names[self.seen[number] :], len(rig.names)
            held = rig.session.record.token
            if "Authorized" not in new or held is None:
                continue
            value, kept = held.id_token.value, self.kept.get(number)
            if heed:
                assert CARDS[value] != "MASTER", "a master pass started"
            if heed and kept is not None:
                assert Holder(value, CARDS[value]).may_use(kept), f"{value} on {kept}"

    def _is_fruitless(self, value: str) -> bool:
        """Nobody validates, and it runs nowhere."""
        return not self.rig.door.there and value not in self.rig.authorized().values()

    def _memory(self) -> list[tuple[str, bytes]]:
        """All that a refused token must leave alone."""
        return [(r.session.state, r.session.record.encode()) for r in self.rig.rigs.values()]


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
