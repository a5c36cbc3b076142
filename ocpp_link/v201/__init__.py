"""OCPP 2.0.1: neutral facts rendered as its messages, its requests turned into neutral acts."""
