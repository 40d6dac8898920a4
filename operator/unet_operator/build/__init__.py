"""Pure builders: a training and what was decided → one kind of object each, as a plain dict."""
