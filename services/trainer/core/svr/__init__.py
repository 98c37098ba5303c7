"""Support vector kinds: direct and joint."""
