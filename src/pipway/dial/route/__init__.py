"""Which way out a target takes: explicit routes, parents, PAC files, the environment, the system's settings."""
