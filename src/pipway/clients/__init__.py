"""What other tools read, and how to tell them where pipway is."""
