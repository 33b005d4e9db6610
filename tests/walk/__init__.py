"""Tests of stage one."""
