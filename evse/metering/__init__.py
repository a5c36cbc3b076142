"""What the core believes of its meters."""
