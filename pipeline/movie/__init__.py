"""Movies in and out: decoding, sound, subtitles, cameras, encoding, remote files."""
