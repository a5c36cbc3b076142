"""What a station that shows prices is configured with."""

from __future__ import annotations

import msgspec


class PricingConfig(msgspec.Struct, frozen=True):
    """`languages`: RFC 5646 tags of those that the display shows texts in, none for one text for
    everybody."""

    languages: tuple[str, ...] = ()
