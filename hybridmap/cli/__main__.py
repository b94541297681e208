"""``python -m hybridmap.cli``."""

from hybridmap.cli import entry

if __name__ == "__main__":
    entry()
