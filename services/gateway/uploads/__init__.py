"""Uploads: chunks, files, their records."""
