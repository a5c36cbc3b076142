"""A small back office, for tests and demonstrations only."""
