"""One verb, one file: each to be read beside section 2 of the CNI specification."""
