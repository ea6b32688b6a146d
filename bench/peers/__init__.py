"""The servers that `bench.e2e` measures, each a small program that listens where it is told to."""
