"""The simulated metal with its car, the virtual board over it, and their processes."""
