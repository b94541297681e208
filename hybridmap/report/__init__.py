"""The report: everything about a region on one self-contained page."""
