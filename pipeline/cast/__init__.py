"""The unknown cast: sorting faces without a name into people, and naming those."""
