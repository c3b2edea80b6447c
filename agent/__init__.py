"""Many calls: a process that serves them without the cost of starting Python for each, and counts them."""
