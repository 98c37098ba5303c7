"""Figures of a run: each is a frozen value (its JSON for the page) and a drawing of it (its PNG)."""
