"""The comparison with the reference plugins: `make bench` runs it and writes docs/benchmarks.md."""
