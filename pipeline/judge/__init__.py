"""How good the picks are: precision, recall and yield against labels."""
