"""OTB: success and precision."""
