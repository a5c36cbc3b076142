"""What the bus doctor says to each sign: (what is seen, what to do about it)."""

from __future__ import annotations

from drivers.metering.signs import Sign

_AS_ON_DISPLAY = (
    "compare unit {unit}, baud rate and parity with its display; `evse meter scan --port {port}` "
    "tries the others"
)
_WIRING = (
    "Put 120 ohm at both ends of the line and nowhere else, use a twisted pair with a ground, and "
    "lead it away from power cables."
)
_MODEL = "It is another model than configured, or its registers were changed: `evse meter scan`."

REMEDIES: dict[Sign, tuple[str, str]] = {
    Sign.PORT_MISSING: (
        "{port} is not there: its adapter is unplugged or has another name now",
        "Plug it in; `ls -l /dev/serial/by-id` lists names that stay. It is found again by itself.",
    ),
    Sign.PORT_HELD: (
        "another program holds {port}",
        "If that is this station, look with `evse console`; else end it (`fuser {port}` names it).",
    ),
    Sign.PORT_FORBIDDEN: (
        "{port} may not be opened by this user",
        "Add the user to the port's group (`ls -l {port}`, most often dialout).",
    ),
    Sign.PORT_REFUSES: (
        "the adapter at {port} can not do {line}",
        "Set another baud rate or parity here and on the meter, or use another adapter.",
    ),
    Sign.PORT_FAILED: (
        "{port} can not be opened",
        "See that it is a serial port, and what the log says of it.",
    ),
    Sign.SILENT: (
        "nothing answers at {port} ({line})",
        f"Check the meter's supply, swap A and B, and {_AS_ON_DISPLAY}.",
    ),
    Sign.WENT_SILENT: (
        "unit {unit} at {port} answers no more",
        "Look at its supply and its cable first, then whether its settings were changed (address "
        "{unit}, {line}).",
    ),
    Sign.SILENT_ALONE: (
        "unit {unit} is silent while others at {port} answer",
        "Check its own supply and its branch of the line, and compare its address and baud rate "
        "with its display.",
    ),
    Sign.PATCHY: (
        "unit {unit} left {missed} of the last {of} requests unanswered",
        f"{_WIRING} Where that is done, raise timeout_ms.",
    ),
    Sign.ECHO_ONLY: (
        "only our own request comes back at {port}: the adapter hears itself, and nothing answers",
        f"The echo is no fault. Check the meter's supply, swap A and B, and {_AS_ON_DISPLAY}.",
    ),
    Sign.LATE: (
        "unit {unit} answers one request late",
        "Raise timeout_ms: it takes longer than that to answer.",
    ),
    Sign.OTHER_UNIT: (
        "unit {other} answers what unit {unit} is asked",
        "Set unit = {other} if that is the meter; else a gateway or a second master is on the "
        "line: take it off.",
    ),
    Sign.OTHER_FUNCTION: (
        "unit {unit} answers with function {other} when asked with {function}",
        "Something on the line answers for it: take gateways and other masters off.",
    ),
    Sign.OTHER_MASTER: (
        "another master asks on the line at {port}",
        "A Modbus line has one master: take the other (a display, a gateway, a second "
        "controller) off it.",
    ),
    Sign.OTHER_LINE: (
        "what comes at {port} looks like {other}, while the line is set to {line}",
        "Set baud rate and parity to what the meter's display says.",
    ),
    Sign.OTHER_SPEED: (
        "what comes at {port} looks like another baud rate or parity than {line}",
        "Set both to what the meter's display says; `evse meter scan --port {port}` tries them.",
    ),
    Sign.LOST_START: (
        "the first bytes of unit {unit}'s answers are lost",
        "The adapter turns from sending to receiving too late: use one that turns by itself.",
    ),
    Sign.CUT_SHORT: (
        "the answers of unit {unit} end too early",
        f"Another device breaks in, or the adapter turns round too early. {_WIRING}",
    ),
    Sign.CLASH: (
        "the answers of unit {unit} begin right and are damaged behind, as when two devices have "
        "one address",
        "Switch off all others on the line: if it is sound then, give each its own address. Else "
        f"compare its parity with its display. {_WIRING}",
    ),
    Sign.DOUBLED: (
        "two devices answer as unit {unit}: what is read may be the other's",
        "Give each its own address.",
    ),
    Sign.SPORADIC: (
        "{damaged} of the last {of} answers of unit {unit} were damaged on their way",
        _WIRING,
    ),
    Sign.STRAY: (
        "a stray byte or two and no answer at {port}: the line floats",
        f"Check A, B, ground and the meter's supply. {_WIRING}",
    ),
    Sign.GIBBERISH: (
        "what comes at {port} is no Modbus RTU",
        "Compare baud rate and parity with the meter's display, and see that nothing else is on "
        "that port (a login console, a modem).",
    ),
    Sign.REFUSES_FUNCTION: ("unit {unit} does not know function {function}", _MODEL),
    Sign.REFUSES_ADDRESS: ("unit {unit} has no register {address}", _MODEL),
    Sign.REFUSES_COUNT: (
        "unit {unit} refuses to tell {count} registers from {address} on",
        _MODEL,
    ),
    Sign.BROKEN: (
        "unit {unit} reports a failure of its own",
        "Switch its supply off and on; if it stays, replace it.",
    ),
    Sign.BUSY: ("unit {unit} says that it is busy", "Ask less often: raise poll_ms."),
    Sign.GATEWAY: (
        "a gateway at {port} does not reach unit {unit}",
        "Check the line behind the gateway, and the address there.",
    ),
    Sign.REFUSES: (
        "unit {unit} answers with exception {code}",
        "See the meter's manual for what it means by it.",
    ),
}
