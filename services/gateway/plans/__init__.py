"""Plans and quotas: who may start how much work in a month."""
