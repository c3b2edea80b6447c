"""Network configurations as people keep them: where they stand, what they say, what it means."""
