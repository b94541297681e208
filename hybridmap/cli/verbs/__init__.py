"""What each verb runs: one function a verb, which takes the configuration apart and does nothing else.

A function imports what it runs itself, so that a command starts quickly, and so that the code of a stage can be read
from it (:mod:`hybridmap.fingerprint`). The function of ``hybridmap some-verb`` is called ``_some_verb``.
"""
