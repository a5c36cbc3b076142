"""The wire to ring 1: frames and sessions without I/O, and the thin shells that carry them."""
