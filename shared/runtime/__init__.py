"""What makes a process of ours: logs, metrics, health, graceful end."""
