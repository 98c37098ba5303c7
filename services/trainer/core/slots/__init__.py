"""A regression per slot of the day: closed form, with interactions of the hour with everything else."""
