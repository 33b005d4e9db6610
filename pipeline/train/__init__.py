"""Trains and evaluates emotion networks. Mining needs none of it."""
