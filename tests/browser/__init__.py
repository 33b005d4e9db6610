"""What report.html does in a browser: Chromium, without a window and without a network."""
