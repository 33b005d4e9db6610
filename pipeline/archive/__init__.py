"""Searches many walked movies as one archive, with DuckDB over a Parquet table of each faces.csv.

The tables are derived from faces.csv: they may be deleted at any time, and are then made again.
"""
