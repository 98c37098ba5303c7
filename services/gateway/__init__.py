"""Gateway: turns requests into events, and events into what browsers see.

Consumes every event (``live.evt.>``, ``prog.>``). Emits ``upload.completed``, ``dataset.requested``,
``training.requested``, ``cancel.requested`` and ``session.deleted``. Computes no numbers.
"""
