"""Where emotion networks are made and measured. Mining needs none of it."""
