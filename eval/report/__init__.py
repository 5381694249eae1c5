"""What both evaluations write: tables, pages, looks."""
