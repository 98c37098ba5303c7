"""Events on their way to browsers: one feed per gateway, one bounded queue per client."""
