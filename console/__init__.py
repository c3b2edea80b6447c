"""For people: what they type, and what it takes to look at a node and to judge it."""
