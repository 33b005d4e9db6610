"""Reads and writes movies: decoding, sound, subtitles, cameras, encoding, remote files."""
