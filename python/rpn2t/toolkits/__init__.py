"""Other toolkits' interfaces and layouts."""
