"""Evaluation: how good tracked boxes are, by the protocols of the field."""
