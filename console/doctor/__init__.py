"""What is wrong with a node, and what to do about it: small checks, none of which knows of the others."""
