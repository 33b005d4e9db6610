"""What somebody decided about picked crops, and where their files go."""
