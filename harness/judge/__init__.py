"""Judge: the checker's rules, and the passes over runs and changes that apply them."""
