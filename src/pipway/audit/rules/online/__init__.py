"""Rules of `--online`: they look at what a server answered, and only an audit that asked one loads them."""
