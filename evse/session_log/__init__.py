"""One folder a session: what happened, line by line, for a person (spec evse-core C8)."""
