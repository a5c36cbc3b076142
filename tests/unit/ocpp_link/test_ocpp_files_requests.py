"""Whatever a back office asks of files, in whatever order, and however the world answers."""

from __future__ import annotations

from typing import Any

from files_rig import FilesRig
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_link.files.jobs import End, Outcome
from ocpp_link.files.ports import SignerVerdict
from ocpp_link.rpc.schemas import Schemas

LOCATIONS = st.sampled_from(["http://h/f", "ftp://u:p@h/d/", "gopher://h", "", "ä\x00", "h" * 512])
TIMES = st.sampled_from(
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:30+00:00", "9999-12-31T23:59:59Z", "0001-01-01", "?"]
)
NUMBERS = st.sampled_from([-5, 0, 1, 3, 10**9])
RETRIES = {"retries": NUMBERS, "retryInterval": NUMBERS}
ASKS = st.one_of(
    st.tuples(
        st.just("UpdateFirmware"),
        st.fixed_dictionaries({"location": LOCATIONS, "retrieveDate": TIMES}, optional=RETRIES),
    ),
    st.tuples(
        st.just("SignedUpdateFirmware"),
        st.fixed_dictionaries(
            {
                "requestId": NUMBERS,
                "firmware": st.fixed_dictionaries(
                    {
                        "location": LOCATIONS,
                        "retrieveDateTime": TIMES,
                        "signingCertificate": st.text(max_size=30),
                        "signature": st.text(max_size=30),
                    },
                    optional={"installDateTime": TIMES},
                ),
            },
            optional=RETRIES,
        ),
    ),
    st.tuples(
        st.just("GetDiagnostics"),
        st.fixed_dictionaries(
            {"location": LOCATIONS}, optional={"startTime": TIMES, "stopTime": TIMES, **RETRIES}
        ),
    ),
    st.tuples(
        st.just("GetLog"),
        st.fixed_dictionaries(
            {
                "requestId": NUMBERS,
                "logType": st.sampled_from(["SecurityLog", "DiagnosticsLog"]),
                "log": st.fixed_dictionaries(
                    {"remoteLocation": LOCATIONS},
                    optional={"oldestTimestamp": TIMES, "latestTimestamp": TIMES},
                ),
            },
            optional=RETRIES,
        ),
    ),
    st.tuples(
        st.just("TriggerMessage"),
        st.fixed_dictionaries(
            {
                "requestedMessage": st.sampled_from(
                    ["FirmwareStatusNotification", "DiagnosticsStatusNotification"]
                )
            }
        ),
    ),
    st.tuples(
        st.just("ExtendedTriggerMessage"),
        st.fixed_dictionaries(
            {
                "requestedMessage": st.sampled_from(
                    ["FirmwareStatusNotification", "LogStatusNotification"]
                )
            }
        ),
    ),
)
ENDS = st.builds(
    End, st.sampled_from(Outcome), sha256=st.sampled_from(["", "ab" * 32]), restart=st.booleans()
)
STEPS = st.one_of(
    ASKS,
    st.tuples(st.just("job"), ENDS),
    st.tuples(st.just("install"), ENDS),
    st.tuples(st.just("wait"), st.sampled_from([1, 61, 4_000])),
    st.tuples(st.just("cut"), st.none()),
    st.tuples(st.just("again"), st.none()),
)


class Roots:
    def check_signer(self, certificate_pem: str) -> SignerVerdict:
        """By its length, so that each comes up."""
        return list(SignerVerdict)[len(certificate_pem) % 3]


def play(rig: FilesRig, kind: str, what: Any) -> FilesRig:
    match kind:
        case "job":
            if rig.workers.active:
                rig.end_job(what)
        case "install":
            if rig.installer.pending:
                rig.installer.end(what)
                rig.flush()
        case "wait":
            rig.run(what)
        case "cut":
            rig.disconnect()
            rig.connect()
        case "again":
            rig.workers.jobs.clear()
            rig = rig.again()
            rig.engine.firmware._roots = Roots()
        case _:
            outcome, answer = rig.ask(kind, what)
            if outcome == "result":
                Schemas(strict=True).response(kind, answer)
            else:
                assert outcome in ("PropertyConstraintViolation", "NotSupported")
    return rig


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=10))
def test_every_request_is_answered_and_nothing_breaks(steps: list[tuple[str, Any]]) -> None:
    """Answers and notifications keep the strict schemas; at most one download and one upload are
    under way; what has ended holds nobody up."""
    rig = FilesRig().settled()
    rig.engine.firmware._roots = Roots()
    for kind, what in steps:
        rig = play(rig, kind, what)
        assert rig.workers.active <= 2
        assert rig.brain.complaints == []
    update = rig.engine.firmware.update
    if update is None or update.is_ended:
        rig.run(10)
        wishes = [p["cmd_source"]["enable_state"] for p in rig.core.called("enable_disable")]
        assert not wishes or wishes[-1] == "Unassigned"
