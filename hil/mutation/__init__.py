"""Do the tests notice a fault in the code? Puts them in, one at a time (docs/mutation.md)."""
