"""Networks behind protocols; `registry` lists them."""
