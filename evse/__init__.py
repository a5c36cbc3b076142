"""The charging kernel: guard (ring 1) and core (ring 2), pure and synchronous where they decide."""
