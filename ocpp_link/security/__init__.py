"""Certificates and keys, security profiles, and what is worth a security officer's attention."""
