"""Writes what people look at: crops, contact sheets, plots and report.html."""
