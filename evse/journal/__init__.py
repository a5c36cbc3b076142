"""What survives a power cut: the events, what waits for a disk, and the one thread that waits."""
