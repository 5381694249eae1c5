"""A tracker over a whole data set."""
