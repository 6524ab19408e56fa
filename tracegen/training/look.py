"""Faults as they are found, row by row: counted, with who would see them and the first examples."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tracegen.errors import UserError
from tracegen.training import faults
from tracegen.training.conversation import Conversation, Unread, read
from tracegen.training.dataset import Row
from tracegen.training.faults import Fault
from tracegen.training.seen import Seen, by_trainer, turns_differ
from tracegen.training.tokens import Renderer
from tracegen.training.trainers import Shape, Trainer

EXAMPLES = 3

Wrong = dict[Fault, set[Trainer]]
"""A row's faults, and who sees each; nobody named: everybody."""


@dataclass(slots=True)
class Found:
    """A fault, counted."""

    rows: int = 0
    examples: list[str] = field(default_factory=list)
    trainers: set[Trainer] = field(default_factory=set)
    """Who would see it; empty: everybody."""

    def add(self, example: str, trainers: set[Trainer] | None = None) -> None:
        self.rows += 1
        self.trainers |= trainers or set()
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)


@dataclass(slots=True)
class Lengths:
    """Tokens of the rows that were made into tokens."""

    limit: int
    rows: int = 0
    tokens: int = 0
    longest: int = 0
    over: int = 0
    """Rows above the limit."""
    lost: int = 0
    """Tokens above it."""

    def add(self, length: int) -> None:
        self.rows += 1
        self.tokens += length
        self.longest = max(self.longest, length)
        self.over += length > self.limit
        self.lost += max(0, length - self.limit)


@dataclass(slots=True)
class Suspect:
    """A row that is to be rendered, and what is known of it so far."""

    conversation: Conversation
    told: frozenset[Fault]
    """Faults of its content, counted already."""
    wrong: Wrong = field(default_factory=lambda: defaultdict(set))
    tokens: int = 0


@dataclass(slots=True)
class Look:
    """What was found so far."""

    renderer: Renderer
    trainers: tuple[Trainer, ...]
    lengths: Lengths
    found: dict[Fault, Found] = field(default_factory=lambda: defaultdict(Found))
    rows: int = 0
    rendered: int = 0
    text_bytes: int = 0
    columns: dict[str, bool] = field(default_factory=dict)
    """Of the rows read: whether there was ever a value."""

    def at_tokenizer(self, tokens: Sequence[str]) -> None:
        """Whether the student's special tokens are tokens."""
        for token in self.renderer.split_tokens(tokens):
            self.found[Fault.SPLIT_TOKEN].add(token)

    def at_columns(self, null_columns: Sequence[str]) -> None:
        for column in null_columns:
            self.found[Fault.NULL_COLUMN].add(column)

    def at_row(self, row: Row, shape: Shape) -> Suspect | None:
        """The row's own faults, counted; None for a row that need not be rendered."""
        self.rows += 1
        for name, value in row.items():
            self.columns[name] = self.columns.get(name, False) or value is not None
        conversation = read(row, self.rows, shape)
        if isinstance(conversation, Unread):
            self.found[Fault.NOT_TEXT].add(conversation.id)
            return None
        told = frozenset(faults.of_content(conversation))
        for fault in told:
            self.found[fault].add(conversation.id)
        # What is wrong with the turns themselves would only be told again, in other words.
        return None if told & {Fault.WRONG_ROLES, Fault.MARK_INSIDE} else Suspect(conversation, told)

    def at_renderings(self, suspects: Sequence[Suspect]) -> None:
        """What each trainer would make of these rows."""
        views = [(suspect, seen, who) for suspect in suspects for seen, who in self._views(suspect).items()]
        for special in (False, True):
            self._at_tokens([view for view in views if view[1].special is special], special)
        for suspect in suspects:
            self.rendered += 1
            self.lengths.add(suspect.tokens)
            for fault, who in suspect.wrong.items():
                if fault not in suspect.told:
                    self.found[fault].add(suspect.conversation.id, who)

    def _views(self, suspect: Suspect) -> dict[Seen, set[Trainer]]:
        """Each different text once, with those who see it."""
        views: dict[Seen, set[Trainer]] = defaultdict(set)
        conversation = suspect.conversation
        try:
            for trainer, seen in by_trainer(conversation, self.renderer, self.trainers).items():
                views[seen].add(trainer)
            alone = Trainer.VERL in self.trainers and conversation.shape is Shape.MESSAGES
            if alone and turns_differ(conversation, self.renderer):
                suspect.wrong[Fault.DIFFERING_TURNS].add(Trainer.VERL)
        except UserError:
            suspect.wrong[Fault.TEMPLATE_REFUSES] |= set(self.trainers)
            return {}
        return views

    def _at_tokens(self, views: Sequence[tuple[Suspect, Seen, set[Trainer]]], special: bool) -> None:
        wholes = self.renderer.encode([seen.text for _, seen, _ in views], special=special)
        prompts = self.renderer.encode([seen.prompt for _, seen, _ in views], special=special)
        for (suspect, seen, who), prompt, whole in zip(views, prompts, wholes, strict=True):
            self.text_bytes += len(seen.text.encode())
            suspect.tokens = max(suspect.tokens, len(whole))
            known = prompt if seen.prompt else ()
            for fault in (
                *faults.of_rendering(suspect.conversation, seen, self.renderer),
                *faults.of_tokens(seen, known, whole, self.renderer),
                *([Fault.TOO_LONG] if len(whole) > self.lengths.limit else []),
            ):
                suspect.wrong[fault] |= who
