"""VOT: accuracy, robustness and expected average overlap."""
