"""Sequences of the benchmarks: what they are, how they lie on a disk, and the files of their boxes."""
