"""Public data by name: fetched, checked, unpacked."""
