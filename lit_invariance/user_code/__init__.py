"""Code of the user's own, named as `python:package.module:name` or `python:path/file.py:name`: imported and called."""
