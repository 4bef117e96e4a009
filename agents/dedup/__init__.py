"""Is a received lead valid, and was this person seen before?"""
