"""What the services share: the published language, the post, storage ports and time-series mathematics."""
