"""What the core tells of itself: the variables of the interface, each when it changes."""
