"""The published language: events, specs and problems. Pydantic only; importing it costs nothing else."""
