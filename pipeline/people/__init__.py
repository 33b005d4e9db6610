"""Who is who: the gallery of known faces, and the names of tracks."""
