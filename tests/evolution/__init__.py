"""What was written by earlier releases is still read, and no change breaks it."""
