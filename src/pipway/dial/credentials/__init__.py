"""Where secrets are kept and found: the OS keyring, a private file, the environment."""
