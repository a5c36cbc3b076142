"""One file a device: each driver is thin, leaves its output safe, and decides nothing."""
