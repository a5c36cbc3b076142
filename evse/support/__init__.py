"""What a station tells of itself to those who help: bundled, bounded, and without its secrets."""
