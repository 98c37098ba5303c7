"""Data sets: settings on the wire and what they ask of the datasets service."""
