"""Plans the jobs of a run and fits one model at a time in a child process.

Consumes ``training.requested``, ``dataset.ready``, ``cancel.requested`` and the work queue; emits
``run.planned``, ``model.progress`` and ``model.done``.
"""
