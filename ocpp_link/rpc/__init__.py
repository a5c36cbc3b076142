"""Remote procedure calls of OCPP-J: frames, outcomes, and the check of payloads."""
