"""Every mistake found before anything runs."""
