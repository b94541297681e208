"""The one error that a user is meant to read."""


class HybridmapError(Exception):
    """Bad input, said in one sentence: which file, which column, layer or row, what was expected, what to do.

    The command line prints the message without a traceback and exits with code 1; every other exception
    is a defect of hybridmap and keeps its traceback.
    """


def nearest(word: str, choices: object) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest of `choices`, or an empty string.

    Parameters
    ----------
    word : str
        What the user wrote.
    choices : iterable of str
        What would have been accepted.
    """
    import difflib
    from collections.abc import Iterable

    assert isinstance(choices, Iterable)
    # People forget capitals more often than letters.
    spelled = {str(choice).lower(): str(choice) for choice in choices}
    close = difflib.get_close_matches(word.lower(), spelled, n=1, cutoff=0.5)
    return f" (did you mean '{spelled[close[0]]}'?)" if close else ""
