"""The charging kernel: guard (ring 1) and core (ring 2), pure and synchronous where they decide."""

__version__ = "0.1.0"
"""The distribution's: pyproject.toml takes it from here. Its metadata would cost a start 25 ms."""
