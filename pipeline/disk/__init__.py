"""What a movie's folder contains: rows, tracks, parts, the manifest, and lists of crops."""
