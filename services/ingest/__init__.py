"""Turns uploaded chunks into checked series.

Consumes ``upload.completed``; emits ``file.ready`` or ``file.rejected``.
"""
