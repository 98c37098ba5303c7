"""Numbers about forecasts: errors, sums, metrics. numpy only."""
