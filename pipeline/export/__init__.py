"""Exports for video editors: clips, a supercut, timelines and the annotated movie."""
