"""Guards on the whole: packaging, imports, names, texts, docs."""
