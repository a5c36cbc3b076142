"""A whole station in one process and in virtual time."""
