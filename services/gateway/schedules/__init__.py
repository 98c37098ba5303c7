"""What sessions do by themselves: forecasts and retraining at local times, told by webhooks."""
