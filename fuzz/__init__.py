"""Hostile input, made by the thousand: ``python -m fuzz`` looks for what ends badly (see docs/development.md).

A campaign proposes attempts: some input that is odd, damaged or nonsense, and the commands that meet it. Each attempt
ends in one of the outcomes of :mod:`fuzz.outcome`. Only the command line and file names are used, no module of
hybridmap, so that the package may change freely under it.
"""
