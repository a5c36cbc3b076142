"""Trying the way to a back office step by step, for people."""
