"""Stage two: chooses the steady faces among the rows of faces.csv. Writes no files."""
