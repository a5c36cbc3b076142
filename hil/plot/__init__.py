"""A trace as lanes on a page of its own."""
