"""What several rules ask about facts, a module per subject. Pure: nothing is resolved, fetched or read."""
