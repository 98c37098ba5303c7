"""Forecasts of the future: asked for, listed, as JSON and CSV."""
