"""Sessions: opened, listed, renamed, deleted, cleaned up."""
