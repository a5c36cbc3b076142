"""Remote trigger."""

from __future__ import annotations

from conformance_v16 import Bench16, refused


def idle_if_implemented(bench: Bench16, message: str) -> None:
    if bench.call("TriggerMessage", requestedMessage=message)["status"] == "Accepted":
        bench.expect(message, status="Idle")
    else:
        bench.answered("NotImplemented", "TriggerMessage", requestedMessage=message)


def test_TC_054_CS(bench: Bench16) -> None:
    """Trigger message."""
    bench.accepted("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
    values = bench.expect("MeterValues", connectorId=1)
    contexts = [s["context"] for v in values["meterValue"] for s in v["sampledValue"]]
    assert set(contexts) == {"Trigger"}
    bench.accepted("TriggerMessage", requestedMessage="Heartbeat")
    bench.expect("Heartbeat")
    bench.accepted("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
    bench.status("Available")
    idle_if_implemented(bench, "DiagnosticsStatusNotification")
    idle_if_implemented(bench, "FirmwareStatusNotification")


def test_TC_055_CS(bench: Bench16) -> None:
    """Trigger message rejected."""
    unknown = len(bench.connectors) + 1
    reply = bench.ask("TriggerMessage", requestedMessage="MeterValues", connectorId=unknown)
    if not reply.error:
        refused(reply, "Rejected")
    bench.quiet(10)
    assert not bench.sent("MeterValues")
