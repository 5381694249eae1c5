"""One tracked video."""
