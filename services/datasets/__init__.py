"""Cuts checked series into windows with calendar features.

Consumes ``dataset.requested``; emits ``dataset.ready`` or ``dataset.failed``.
"""
