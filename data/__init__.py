"""Files that come with the package: weights (models/), configurations and data set lists."""
