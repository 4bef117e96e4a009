"""An independent reader that recomputes what the topics must say."""
