"""What is wrong with network configurations: each whole, each plugin of it, all together, and on this node."""
