"""Ways of being an index; each wraps another: remote, flight, cached (later merged, hosted, guarded, ahead)."""
