"""Results: tables, plots, archives."""
