"""When a session has its meter sign: the begin once nothing else is missing, the end once no energy
can flow any more. How long it waits is evse/metering/signed.py."""

from __future__ import annotations

from evse.metering.signed import request_of
from evse.ports import SessionPorts
from evse.session.rules import Facts
from evse.session.state import SessionState


def ask_to_sign(session: SessionState, ports: SessionPorts, facts: Facts, now_ms: int) -> None:
    """Ask what is due. Asking twice is as good as once."""
    record, signing = session.record, session.signing
    if signing.may_ask and record.token is not None and _may_begin(session, facts):
        request = request_of(session.config.evse_id, record.uuid, record.token)
        ports.sign_begin(signing.ask_begin(request, now_ms))
    elif _is_over(session, facts) and (left_open := signing.ask_end(now_ms)):
        ports.sign_end(left_open)


def _may_begin(session: SessionState, facts: Facts) -> bool:
    waits = session.state == "waiting_auth" and facts.plugged and facts.ready_to_begin
    return waits and not (facts.over or facts.blocked)


def _is_over(session: SessionState, facts: Facts) -> bool:
    if not session.record.transaction:
        return False
    if session.state == "booting":
        return session.board.known and not facts.energised
    return session.state == "stopping" and facts.over and facts.opened
