"""From logits to the answer: `counts`, `scores`, `pooling` (folds), `ranking`, `verdict` and its `wording`."""
