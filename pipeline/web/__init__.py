"""Pages for the browser: Photo, Live, Mine, Review and People. Needs the extra `web`."""
