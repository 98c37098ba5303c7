"""Runs and backtests: started, followed, stopped."""
