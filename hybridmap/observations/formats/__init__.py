"""Published data sets that are known by name: one YAML file each, their registry and their pages."""
