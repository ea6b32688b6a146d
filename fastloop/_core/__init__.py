"""The compiled event loop: what runs per callback or per packet."""
