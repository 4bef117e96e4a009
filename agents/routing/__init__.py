"""Who may buy a lead, and in which order are they asked?"""
