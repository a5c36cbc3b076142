"""What the back office may configure, typed: the values of the device model that can be changed.

One field for each, in neutral terms. What a field is called in OCPP 1.6 (a configuration key) and
in 2.0.1 (a variable of a component), its range and its access stand in `catalogue.toml`.
"""

from __future__ import annotations

import msgspec

DEFAULT_MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
)


class Settings(msgspec.Struct, frozen=True):
    """Each value that was changed is kept over restarts by its field's name; the others follow
    the configuration. A field that a newer release wrote and this one lacks is ignored."""

    # The link
    heartbeat_interval_s: int = 86_400
    ping_interval_s: int = 30
    """WebSocket pings; 0 = none."""
    backoff_wait_s: int = 2
    backoff_random_s: int = 3
    backoff_repeats: int = 5
    """How often the wait doubles."""
    message_attempts: int = 3
    message_retry_s: int = 60
    queue_all_messages: bool = False
    reset_retries: int = 1
    offline_threshold_s: int = 60
    """After a longer interruption every status is told again, by the versions that want that."""

    # Sessions
    connection_timeout_s: int = 120
    """From authorisation until the car is plugged in; the core keeps the time."""
    stop_on_ev_disconnect: bool = True
    unlock_on_ev_disconnect: bool = True
    min_status_s: int = 0
    """A status that lasts less is not told."""
    phase_rotation: tuple[str, ...] = ()
    """Entries such as `1.RST`; what is not named is unknown."""

    # Authorization
    authorize_remote: bool = False
    """Ask the back office about the token of a remote start too."""
    authorize_offline: bool = True
    """Let tokens start that are known here, while the back office is away."""
    pre_authorize: bool = False
    """Let tokens start that are known here, without asking first."""
    allow_unknown_offline: bool = False
    cache_enabled: bool = True
    list_enabled: bool = True
    stop_on_invalid: bool = True
    max_energy_on_invalid_wh: int = 0

    # Meter values
    sample_interval_s: int = 60
    """Between samples of a transaction; 0 = none."""
    start_measurands: tuple[str, ...] = ("Energy.Active.Import.Register",)
    """Of the reading that goes with a transaction's start, by the versions that tell one."""
    begin_measurands: tuple[str, ...] = ()
    """The same in a message of its own, by the versions whose start tells a number alone."""
    sampled_measurands: tuple[str, ...] = DEFAULT_MEASURANDS
    aligned_interval_s: int = 0
    """Between samples on the clock's grid from midnight UTC; 0 = none."""
    aligned_measurands: tuple[str, ...] = ("Energy.Active.Import.Register",)
    stop_sampled_measurands: tuple[str, ...] = ()
    """Of the samples that go with a transaction's end."""
    stop_aligned_measurands: tuple[str, ...] = ()
    stop_sample_interval_s: int = 0
    """Between the samples that go with a transaction's end, in the versions that set it apart;
    0 = none but the end's own reading."""
    stop_aligned_interval_s: int = 0
    """The same on the clock's grid; 0 = none."""

    # Signatures of a meter (OCA, Signed Meter Values in OCPP 1.0)
    sign_sampled: bool = True
    """Tell what it signed of a transaction with the end, and where anything below says so."""
    sign_started: bool = False
    """Tell what it signed of the start with the start, too, by the versions that can."""
    sign_aligned: bool = False
    public_key_with: str = "OncePerTransaction"

    # Smart charging
    ignored_purposes_offline: tuple[str, ...] = ()
    """Purposes of charging profiles that do not hold while the back office is away."""
    composite_default_a: int = 48
    composite_default_w: int = 33_120
    composite_default_phases: int = 3
    max_composite_s: int = 7 * 86_400

    # Security
    security_profile: int = 0
    cpo_name: str = ""
    cert_wait_minimum_s: int = 60
    cert_repeats: int = 3
    security_events_disabled: bool = False

    # Tariff and cost (California pricing)
    custom_idle_fee: bool = False
    default_price: str = ""
    """JSON, as the whitepaper has it."""
    default_price_texts: str = ""
    """JSON: RFC 5646 language tag to price texts."""
    language: str = ""
    time_offset: str = "+00:00"
    next_time_offset_at: str = ""
    time_offset_next: str = ""
