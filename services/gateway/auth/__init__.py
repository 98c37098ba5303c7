"""Who is asking: identities, tokens, API keys, session ids."""
