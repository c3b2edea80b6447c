"""The long-lived process that serves calls without the cost of starting Python for each."""
