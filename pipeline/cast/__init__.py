"""The unknown cast: faces without a name, sorted into people, and naming those people."""
