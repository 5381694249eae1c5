"""Fast mode: one forward pass a frame."""
