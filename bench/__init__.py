"""The benchmarks: whole servers (`e2e`), single operations (`micro`), and how late a loop is (`latency`)."""
