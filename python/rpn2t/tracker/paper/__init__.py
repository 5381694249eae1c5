"""Paper mode: every box is a patch of its own."""
