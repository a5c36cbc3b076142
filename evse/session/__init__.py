"""The charging session of one EVSE: chart, rules, facts, offer, record."""
