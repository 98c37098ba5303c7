"""Scores finished models, averages them, picks the best, closes runs, looks after what was left unfinished.

Consumes ``model.done``, ``model.evaluated``, ``dataset.failed`` and dead letters; emits ``model.evaluated``,
``model.done`` of the average, ``run.finished`` and ``run.reported``.
"""
