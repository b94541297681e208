"""Which learned parameters mean something: what data determine, and whether trainings agree."""
