"""Says what is wrong between an installer and its index, and how to mend it: by trying and by reading."""
