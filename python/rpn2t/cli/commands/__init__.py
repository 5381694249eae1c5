"""The verbs' options and help, one file a verb."""
