"""The page in the browser, and the server behind it. The page's own files are in ``page/``."""
