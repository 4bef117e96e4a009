"""What is a lead worth? Points by the campaign's named rules, and a grade from A to D."""
