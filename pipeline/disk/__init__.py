"""What lies in a movie's folder: rows, tracks, parts, the manifest, and lists of crops."""
