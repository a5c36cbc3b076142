"""OCPP 1.6J: neutral facts rendered as its messages, its requests turned into neutral acts."""
