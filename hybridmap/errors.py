"""The one error that a user is meant to read."""


class HybridmapError(Exception):
    """Bad input, said in one sentence: which file, which column, layer or row, what was expected, what to do.

    The command line prints the message without a traceback and exits with code 1; every other exception
    is a defect of hybridmap and keeps its traceback.
    """


def absent_package(error: ModuleNotFoundError) -> str:
    """Return what to install for an import that failed; empty where the module is one of hybridmap's own.

    Parameters
    ----------
    error : ModuleNotFoundError
        Of the import.

    Examples
    --------
    >>> absent_package(ModuleNotFoundError("No module named 'yaml'", name="yaml"))
    "needs the package 'yaml', which is not installed: pip install 'hybridmap[pipeline]' has all of them."
    """
    root = (error.name or "").partition(".")[0]
    if root in ("", "hybridmap"):
        return ""
    return f"needs the package '{root}', which is not installed: pip install 'hybridmap[pipeline]' has all of them."


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
