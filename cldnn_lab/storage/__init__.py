"""Files that are whole or absent, and the list of those that this program wrote."""
