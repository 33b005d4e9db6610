"""Many walked movies as one archive: a Parquet table beside each faces.csv, and DuckDB over them.

The tables hold nothing that faces.csv has not: they may be deleted at any time, and are made anew.
"""
