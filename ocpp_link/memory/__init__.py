"""What the link keeps on disk: small values, the queue, and how far the core may forget."""
