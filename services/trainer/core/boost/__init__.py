"""Boosted trees: one LightGBM model per output over (window, step) rows."""
