"""The review of picked crops: decisions, and the files that move because of them."""
