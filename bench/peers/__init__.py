"""The servers that `bench.e2e` measures, each a small program that listens on the port it is given."""
