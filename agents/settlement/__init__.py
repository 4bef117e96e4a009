"""Have all rights of a lead ended, and how?"""
