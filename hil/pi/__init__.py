"""A Raspberry Pi made of memory: the kernel's side of each port of drivers/machine.py."""
