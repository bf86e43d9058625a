"""From logits to the ranking: `counts` and `scores` (pixels to scores), `pooling` (folds), `verdict` (the answer)."""
