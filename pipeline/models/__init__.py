"""Networks behind protocols; each is a plain module, listed in `registry.py`."""
