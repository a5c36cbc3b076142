"""Readers of cards and codes: what they speak, without a wire, and one shell that has the wire."""
