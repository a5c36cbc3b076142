"""The one device model: what can be configured, whatever a version of OCPP calls it."""
