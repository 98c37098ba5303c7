"""Scores finished models, picks the best, closes runs, and looks after what was left unfinished.

Consumes ``model.done``, ``model.evaluated``, ``dataset.failed`` and dead letters; emits ``model.evaluated``
and ``run.finished``.
"""
