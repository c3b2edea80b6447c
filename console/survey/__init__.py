"""What there is on the node: looked at and not judged, and nothing of it is changed."""
