"""What happens to the link as a whole, for the parts that wait for it."""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.device.settings import Settings


class Occasions:
    """Each list is called in the order in which the parts were constructed."""

    def __init__(self) -> None:
        self.connected: list[Callable[[], None]] = []
        """A connection stands; nothing may be sent yet that registration forbids."""
        self.disconnected: list[Callable[[], None]] = []
        self.registered: list[Callable[[], None]] = []
        """The back office accepted a BootNotification."""
        self.resumed: list[Callable[[], None]] = []
        """A connection stands again and the registration still holds."""
        self.configured: list[Callable[[Settings, Settings], None]] = []
        """Settings changed: what they were, and what they are now in effect."""
        self.clock_set: list[Callable[[int], None]] = []
        """The wall clock is another one: by so many milliseconds (behind: positive)."""
        self.resetting: list[Callable[[str], None]] = []
        """The station is about to reset or to restart: why."""
        self.core_came: list[Callable[[], None]] = []
        self.transaction_started: list[Callable[[int], None]] = []
        """By EVSE; its state tells already."""
        self.transaction_ended: list[Callable[[int], None]] = []
        self.session_ended: list[Callable[[int], None]] = []
        """By EVSE; there may have been no transaction."""
        self.evse_changed: list[Callable[[int], None]] = []
        """The EVSE's state is another one now."""
        self.metered: list[Callable[[int], None]] = []
        """By EVSE: a reading of its billing meter came, about once a second."""
