"""Processes: the core's, the link's, and the supervisor over them. Joins rings and drivers."""
