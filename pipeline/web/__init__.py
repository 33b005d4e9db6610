"""Pages for the browser: photo, live stream, mining. Needs the extra `web`."""
