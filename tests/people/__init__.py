"""Tests of gallery and naming."""
