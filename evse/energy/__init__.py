"""How much current each EVSE may offer: the pure engine behind the limits (docs/energy.md)."""
