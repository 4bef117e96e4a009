"""How many points does a lead get, and which grade?"""
