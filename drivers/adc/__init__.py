"""The analog-to-digital converter: what it reads, and what of that is the pilot."""
