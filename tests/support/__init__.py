"""What tests share: builders of valid records and doubles named for what they do wrong."""
