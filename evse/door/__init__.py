"""Everybody's one door: JSON-RPC lines, methods, variables, and the client's side."""
