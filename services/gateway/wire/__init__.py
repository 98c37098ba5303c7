"""What travels over HTTP, and how the earlier German names map to ours (docs/glossary.md)."""
