"""The story of one lead, gathered from the topics and told to a person."""
