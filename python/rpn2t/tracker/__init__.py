"""The tracker: the paper's loop, and the two modes behind it."""
