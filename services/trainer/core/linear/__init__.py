"""Linear kinds: closed-form ridge on windows."""
