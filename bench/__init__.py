"""The benchmarks: `micro` times single operations, `e2e` whole servers side by side."""
