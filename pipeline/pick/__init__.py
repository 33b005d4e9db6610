"""Stage two: rows to the crops of steady faces."""
