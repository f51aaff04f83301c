"""What git knows: which files are tracked, what stood in old commits. Nothing that a repository says is run."""
