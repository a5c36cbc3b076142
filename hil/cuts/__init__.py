"""The OCPP link, killed at every point of a day with outages: is anything lost, or told twice?"""
