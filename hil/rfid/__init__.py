"""Fakes of card readers, down to their bytes."""
