"""The machine: processor, cores, threads, files, signals, containers."""
