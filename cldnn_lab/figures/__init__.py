"""How pictures look and are saved, and those that every run has."""
