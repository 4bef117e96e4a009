"""What happens to a lead: one package a stage, its rules pure, its agent thin."""
