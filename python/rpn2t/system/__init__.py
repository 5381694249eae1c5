"""The machine: processor, threads, files, signals, containers."""
