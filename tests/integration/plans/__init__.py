"""Plans put into force while leads flow."""
