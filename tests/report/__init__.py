"""Tests of crops, contact sheets, plots and report.html."""
