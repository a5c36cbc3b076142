"""Remote control."""

from __future__ import annotations

from conformance_v201 import OTHER_TAG, TAG, Bench201, id_token


def test_TC_F_01_CS(bench: Bench201) -> None:
    """Remote start, cable first."""
    bench.connected()
    bench.authorized_remotely()
    first = bench.started()
    assert first["transactionInfo"]["remoteStartId"] == 3


def remote_start_first(bench: Bench201, *, asks: bool) -> None:
    bench.configure("AuthCtrlr", "AuthorizeRemoteStart", str(asks).lower())
    bench.authorized_remotely()
    bench.status("Occupied")
    bench.station.plug()
    first = bench.started()
    assert first["transactionInfo"]["remoteStartId"] == 3


def test_TC_F_02_CS(bench: Bench201) -> None:
    """Remote start first; its token is asked about."""
    remote_start_first(bench, asks=True)


def test_TC_F_03_CS(bench: Bench201) -> None:
    """Remote start first; its token is believed."""
    remote_start_first(bench, asks=False)


def test_TC_F_05_CS(bench: Bench201) -> None:
    """Unlock during a transaction: refused."""
    bench.charging()
    bench.answered("OngoingAuthorizedTransaction", "UnlockConnector", evseId=1, connectorId=1)
    bench.quiet(30)


def test_TC_F_06_CS(bench: Bench201) -> None:
    """Unlock without a transaction."""
    bench.connected()
    bench.wait(5)
    bench.answered("Unlocked", "UnlockConnector", evseId=1, connectorId=1)
    bench.take("StatusNotification")


def test_TC_F_07_CS(bench: Bench201) -> None:
    """Unlock without a cable."""
    bench.answered("Unlocked", "UnlockConnector", evseId=1, connectorId=1)


def test_TC_F_08_CS(bench: Bench201) -> None:
    """Remote stop."""
    id_ = bench.charging()
    bench.accepted("RequestStopTransaction", transactionId=id_)
    bench.stopped("RemoteStop", "Remote", id_)


def test_TC_F_09_CS(bench: Bench201) -> None:
    """Remote stop of another transaction: refused."""
    bench.charging()
    bench.answered("Rejected", "RequestStopTransaction", transactionId="another")
    bench.quiet(30)


def trigger(bench: Bench201, message: str, evse: int | None = None) -> None:
    where = {} if evse is None else {"evse": {"id": evse}}
    bench.accepted("TriggerMessage", requestedMessage=message, **where)


def test_TC_F_11_CS(bench: Bench201) -> None:
    """Trigger the meter values of one EVSE."""
    trigger(bench, "MeterValues", 1)
    values = bench.expect("MeterValues", evseId=1)
    assert values["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_TC_F_12_CS(bench: Bench201) -> None:
    """Trigger the meter values of all EVSEs."""
    trigger(bench, "MeterValues")
    for evse in bench.evses:
        values = bench.of("MeterValues", {"evseId": evse})
        assert values["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def triggered_event(bench: Bench201, id_: str) -> None:
    def wanted() -> bool:
        return any(
            event["transactionInfo"]["transactionId"] == id_ and event["triggerReason"] == "Trigger"
            for event in bench.untaken("TransactionEvent")
        )

    bench.run(bench.csms.until(wanted), 15)
    (event,) = [
        event
        for event in bench.untaken("TransactionEvent")
        if event["transactionInfo"]["transactionId"] == id_
    ]
    event.taken = True
    assert event["transactionInfo"]["chargingState"] == "Charging"
    assert event["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_TC_F_13_CS(bench: Bench201) -> None:
    """Trigger the transaction of one EVSE."""
    id_ = bench.charging()
    trigger(bench, "TransactionEvent", 1)
    triggered_event(bench, id_)


def test_TC_F_14_CS(bench: Bench201) -> None:
    """Trigger the transactions of all EVSEs."""
    running = [bench.charging(TAG, 1), bench.charging(OTHER_TAG, 2)]
    trigger(bench, "TransactionEvent")
    for id_ in running:
        triggered_event(bench, id_)


def test_TC_F_15_CS(bench: Bench201) -> None:
    """Trigger the state of uploads."""
    trigger(bench, "LogStatusNotification")
    bench.expect("LogStatusNotification", status="Idle")


def test_TC_F_18_CS(bench: Bench201) -> None:
    """Trigger the state of the firmware."""
    trigger(bench, "FirmwareStatusNotification")
    bench.expect("FirmwareStatusNotification", status="Idle")


def test_TC_F_20_CS(bench: Bench201) -> None:
    """Trigger a heartbeat."""
    trigger(bench, "Heartbeat")
    bench.expect("Heartbeat")


def status_on_request(bench: Bench201, status: str) -> None:
    bench.accepted(
        "TriggerMessage",
        requestedMessage="StatusNotification",
        evse={"id": 1, "connectorId": 1},
    )
    bench.status(status)


def test_TC_F_23_CS(bench: Bench201) -> None:
    """Trigger a status: available."""
    status_on_request(bench, "Available")


def test_TC_F_24_CS(bench: Bench201) -> None:
    """Trigger a status: occupied."""
    bench.connected()
    status_on_request(bench, "Occupied")


def test_TC_F_26_CS(bench: Bench201) -> None:
    """Trigger a boot of a station that is accepted: refused."""
    bench.answered("Rejected", "TriggerMessage", requestedMessage="BootNotification")
    bench.quiet(30)


def test_TC_F_27_CS(bench: Bench201) -> None:
    """Trigger what the station does not have."""
    bench.answered("NotImplemented", "TriggerMessage", requestedMessage="SignCombinedCertificate")


def test_remote_start_of_a_busy_evse_is_refused(bench: Bench201) -> None:
    """OCPP 2.0.1 F01: an EVSE in a transaction starts no other."""
    bench.charging()
    bench.answered(
        "Rejected",
        "RequestStartTransaction",
        idToken=id_token(OTHER_TAG),
        evseId=1,
        remoteStartId=4,
    )
    bench.quiet(30)
