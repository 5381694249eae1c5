"""The paper's evaluation made again: what it shows, run here, beside the paper's words."""
