"""Patterns of texts, each with the sentence that a client reads when a text does not fit. No message shows any."""

from collections.abc import Iterable

_SENTENCES: dict[str, str] = {}


def fitting(pattern: str, says: str) -> str:
    """Return a pattern after keeping its sentence; a pattern that stands in several places has one sentence."""
    if _SENTENCES.setdefault(pattern, says) != says:
        raise ValueError(f"the pattern {pattern} has another sentence already: {_SENTENCES[pattern]}")
    return pattern


def any_of(words: Iterable[str]) -> str:
    """Return the pattern of a closed vocabulary."""
    listed = list(words)
    return fitting(f"^({'|'.join(listed)})$", f"Must be {_choice(listed)}")


def list_of(one: str, says: str) -> str:
    """Return the pattern of a comma-separated list of texts that each fit `one`."""
    return fitting(f"^{one}(?:,{one})*$", f"Must be {says}; several are separated by commas")


def words_of(words: Iterable[str]) -> str:
    """Return the pattern of a comma-separated list of words of a closed vocabulary."""
    listed = list(words)
    return list_of(f"(?:{'|'.join(listed)})", _choice(listed))


def sentence(pattern: str) -> str:
    """Return what a client reads when a text does not fit a pattern."""
    return _SENTENCES.get(pattern, "The text does not have the form that is expected here")


def _choice(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
