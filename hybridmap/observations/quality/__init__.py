"""Quality control: a table of rules, and counts of everything that is dropped."""
