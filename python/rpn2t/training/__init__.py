"""Training the teacher and the student."""
