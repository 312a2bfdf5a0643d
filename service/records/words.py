"""What clients read about the operations of a plain record, the same in REST and in GraphQL."""

from collections.abc import Mapping
from typing import NamedTuple


class OperationText(NamedTuple):
    """A short title of an operation, and its description."""

    summary: str
    text: str


class Nouns(NamedTuple):
    """The nouns that the sentences are made of: of the record, and of its parent where it has one."""

    one: str
    singular: str
    plural: str
    event: str
    parent: str = ""
    parents: str = ""


def words_of(
    nouns: Nouns, *, creating: str = "", changing: str = "", deleting: str = ""
) -> Mapping[str, OperationText]:
    """Return the title and description of each operation. `creating`, `changing` and `deleting` are sentences that the
    record's own rules add."""
    one, singular, plural, event, parent, parents = nouns
    to, of = (f" to {parent}", f" of {parent}") if parent else ("", "")
    the_list = f"the {plural}{of}" if parent else plural
    elsewhere = f" Refused when {one} of another {parent.split(' ', 1)[1]} has the reference." if parent else ""
    return {
        "create": OperationText(f"Add {one}{to}", _joined(f"Adds {one}{to}.", creating, f"Sends {event}.created.")),
        "list": OperationText(f"List {the_list}", f"Lists {the_list} by keyset."),
        "list_all": OperationText(f"List {plural}", f"Lists the {plural} of all {parents} by keyset."),
        "read": OperationText(f"Read {one}", f"Reads one {singular}."),
        "read_by_ref": OperationText(
            f"Read {one} by reference", f"Reads the {singular}{of} that has this id in that system."
        ),
        "update": OperationText(
            f"Change {one}",
            _joined(
                "Changes the members that are sent; null clears. Sets each system that `refs` names; others stay.",
                changing,
                f"Sends {event}.updated when something changed.",
            ),
        ),
        "upsert": OperationText(
            f"Upsert {one} by reference",
            f"Adds the {singular}, or brings it up to date: members that are not sent stay as they are. "
            f"An upsert that changes nothing writes and sends nothing. A deleted {singular} with this reference is "
            f"restored with its id and history, which sends {event}.restored, unless `on_deleted` says otherwise."
            f"{elsewhere}",
        ),
        "put_ref": OperationText(
            f"Set a reference of {one}",
            f"Sets the {singular}'s id in one other system; its other references stay. Sends {event}.updated when "
            f"something changed.",
        ),
        "remove_ref": OperationText(
            f"Remove a reference of {one}",
            f"Removes the {singular}'s id in one other system; its other references stay. Sends {event}.updated.",
        ),
        "batch": OperationText(
            f"Upsert many {plural}",
            f"Upserts up to 1,000 {plural} by their references in one transaction; each row has its own result, and a "
            "bad row fails alone.",
        ),
        "delete": OperationText(
            f"Delete {one}", _joined(f"Marks the {singular} as deleted.", deleting, f"Sends {event}.deleted.")
        ),
    }  # fmt: skip


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
