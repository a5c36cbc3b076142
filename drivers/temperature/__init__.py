"""Temperatures: what ring 1 may read itself (an NTC at its converter), and what it must not wait
for (1-wire and I²C, read by a process of their own)."""
