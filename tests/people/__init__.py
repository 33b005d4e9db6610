"""Tests of the gallery and of naming."""
