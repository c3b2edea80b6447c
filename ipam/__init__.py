"""Which addresses: policy is pure, only the stores touch the disk, only delegation starts a process."""
