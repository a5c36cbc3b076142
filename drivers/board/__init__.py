"""A native board: its profile as TOML, and the drivers joined into the guard's pins."""
