"""Tests of many movies as one archive."""
