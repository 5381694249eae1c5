"""The formats' names and files. Nothing is imported here, so that help is fast."""

FILES = {"mot": "mot.txt", "coco": "coco.json", "cvat": "cvat.xml"}
"""The name of a format, as ``--format`` takes it -> its file in a run's folder."""
