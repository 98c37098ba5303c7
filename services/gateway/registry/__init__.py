"""The registry of models over HTTP: versions, stages, promotion and rollback."""
