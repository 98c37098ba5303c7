"""Two small ports, rows and bytes, and what stands behind them."""
