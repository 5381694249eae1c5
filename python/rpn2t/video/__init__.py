"""Frames in, annotated frames out."""
