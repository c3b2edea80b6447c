"""What we do to the kernel and what we answer."""
