"""What editors get: clips, a supercut, timelines, the annotated movie."""
