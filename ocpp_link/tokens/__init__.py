"""Whom the station lets charge, with the back office and without."""
