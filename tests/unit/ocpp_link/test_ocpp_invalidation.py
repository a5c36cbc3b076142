"""OCPP 1.6 §3.5.4, §4.8, §9.1.14, §9.1.24: a token that turns out not to be good."""

from __future__ import annotations

from pathlib import Path

import pytest
from ocpp_rig import Rig

from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply

GROUP = "authorization.set_group"


def invalid(rig: Rig, status: str = "Invalid") -> Rig:
    """A transaction whose token the back office refuses in its answer."""
    rig.brain.refused["CARD"] = status
    rig.plug_in()
    rig.start_transaction()
    return rig


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
def test_tc_037_3_with_stop_on_invalid_the_transaction_ends_deauthorized(
    status: str, rig: Rig
) -> None:
    invalid(rig, status)
    wanted = {"evse": 1, "request": {"reason": "DeAuthorized"}}
    assert rig.core.called("stop_transaction") == [wanted]
    assert rig.core.called("pause_charging") == []


def test_tc_037_2_without_it_the_energy_stops_and_the_transaction_does_not() -> None:
    rig = invalid(Rig(settings=Settings(stop_on_invalid=False)).start())
    assert rig.core.called("pause_charging") == [{"evse": 1}]
    assert rig.core.called("stop_transaction") == []


def allowed(wh: int, **more: object) -> Settings:
    return Settings(stop_on_invalid=False, max_energy_on_invalid_wh=wh)


def test_9_1_14_so_much_energy_is_allowed_and_then_no_more() -> None:
    """MaxEnergyOnInvalidId; counted from the start of the transaction (2.0.1 E05.FR.02, FR.03)."""
    rig = invalid(Rig(settings=allowed(500)).start())
    begun_wh = rig.wh
    for wh in (100, 499.9):
        rig.wh = begun_wh + wh
        rig.meter()
    assert rig.core.called("pause_charging") == []
    rig.wh = begun_wh + 500
    rig.meter()
    assert rig.core.called("pause_charging") == [{"evse": 1}]
    rig.meter()
    assert len(rig.core.called("pause_charging")) == 1, "once is enough"


def test_9_1_14_what_flowed_before_the_verdict_counts() -> None:
    """An offline start: the verdict comes late."""
    rig = Rig(settings=allowed(500)).start()
    rig.brain.refused["CARD"] = "Invalid"
    rig.disconnect()
    rig.plug_in()
    rig.start_transaction()
    rig.wh += 700
    rig.meter()
    assert rig.core.called("pause_charging") == []
    rig.connect()
    assert rig.core.called("pause_charging") == [{"evse": 1}]


def test_9_1_14_the_allowance_survives_a_restart_and_ends_with_its_transaction(
    tmp_path: Path,
) -> None:
    rig = invalid(Rig(settings=allowed(500), database=Database(tmp_path / "a.db")).start())
    begun_wh = rig.wh
    rig.database.close()
    again = Rig(settings=allowed(500), database=Database(tmp_path / "a.db")).start()
    again.seq = rig.seq
    again.wh = begun_wh + 600
    again.core.replies["evse_manager.pause_charging"] = CoreReply(error="the core is away")
    again.meter()
    again.core.replies.clear()
    again.meter()
    assert len(again.core.called("pause_charging")) == 2, "until the core has heard it"
    again.stop_transaction()
    assert again.database.load().items.get("allowance", {}) == {}


def test_a_verdict_that_comes_after_the_end_stops_nothing() -> None:
    rig = Rig().start()
    rig.brain.refused["CARD"] = "Invalid"
    rig.disconnect()
    rig.session(seconds=10)
    rig.connect()
    assert rig.core.called("stop_transaction") == []
    found = rig.engine.authorization.known.find("CARD")
    assert found is not None
    assert found.status == "Invalid", "but it is remembered (§3.5.1)"


def test_3_10_the_group_that_only_the_start_tells_is_told_the_core(rig: Rig) -> None:
    """TC_069_CS after a remote start that nobody was asked about."""
    rig.brain.parents["CARD"] = "FLEET"
    rig.plug_in()
    rig.start_transaction()
    asked = [params for name, params in rig.core.calls if name == GROUP]
    assert asked == [{"evse": 1, "id_token": "CARD", "parent_id_token": "FLEET"}]


def test_a_token_without_a_group_tells_none(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    assert [name for name, _ in rig.core.calls if name == GROUP] == []


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("unlock", [True, False])
def test_4_10_what_unplugging_at_the_car_does_is_told_the_core(stop: bool, unlock: bool) -> None:
    """StopTransactionOnEVSideDisconnect and UnlockConnectorOnEVSideDisconnect (§9.1)."""
    rig = Rig().start()
    for key, value in (
        ("StopTransactionOnEVSideDisconnect", stop),
        ("UnlockConnectorOnEVSideDisconnect", unlock),
    ):
        rig.ask("ChangeConfiguration", {"key": key, "value": str(value).lower()})
    rig.engine.on_core_lost()
    before = len(rig.core.calls)
    rig.engine.on_core_connected()
    told = [p for name, p in rig.core.calls[before:] if name.endswith("set_ev_side_disconnect")]
    assert told == [{"stop_transaction": stop, "unlock_connector": unlock}]
