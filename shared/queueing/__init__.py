"""Whose job is next: jobs wait in the ledger and go to the work queue in fair turns."""
