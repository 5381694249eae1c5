"""Sequences of the benchmarks, and the files that hold their boxes."""
