"""Models: their settings on the wire, their files, forecasts with them."""
