"""What the scripts beside this folder share, and the processes that they time."""
