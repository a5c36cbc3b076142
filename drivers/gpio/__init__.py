"""Contactor, lock, residual current, inputs, lights and sounds over the pins of the header.

Every device here is synchronous: `read` and `write` are called once a guard period with `now_ms`,
nothing waits and nothing runs by itself. Each output is off when it is claimed, off when it is
closed, and after `make_safe` stays off for good.

What happens to an output when this process dies is the kernel's decision (drivers/gpio/release.py).
"""
