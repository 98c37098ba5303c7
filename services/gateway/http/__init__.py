"""What every request passes: protocol, middleware, limits, idempotency, OpenAPI."""
