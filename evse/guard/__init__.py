"""Ring 1: decides alone, every 10 ms, whether current may flow."""
