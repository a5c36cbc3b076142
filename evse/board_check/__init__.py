"""The commissioning walk of a native board: its steps as data, and what judges them. Pure."""
