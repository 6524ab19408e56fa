r"""A reader for the mathematics that final answers are made of: text in, a tree out, and never a part of the text.

Whoever calls gets a tree that covers every sign, or :class:`Unreadable`. There is no salvage: a parser that gives back
the number inside of what it could not parse is where false positives come from. It evaluates nothing.
"""

import re
from dataclasses import dataclass

from tracegen.verify.math.normalise import FUNCTIONS

MAX_TOKENS = 1_500
MAX_DEPTH = 40
MAX_LEVELS = 200

ANY_LOG = r"\log"
"""The factor that makes a natural logarithm one of an unnamed base: by custom of the field it is ten, two or e."""

_TOKEN = re.compile(r"\d+(?:\.\d*)?|\.\d+|\\[A-Za-z]+|\\.|[^\s]", re.DOTALL)
_GREEK = frozenset(
    (  # noqa: SIM905
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi rho sigma tau phi "
        "chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell hbar"
    ).split()
)
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", "|": "|"}
_WRAPPERS = {r"\lfloor": "floor", r"\lceil": "ceil", "|": "abs"}
_ACCENTS = frozenset({"vec", "overrightarrow", "hat", "bar", "overline"})
_BEGINNINGS = frozenset({"frac", "sqrt", "pi", "binom", "lfloor", "lceil"})
_TIMES = frozenset({"*", r"\cdot", r"\times"})
_OVER = frozenset({"/", r"\div", ":"})
_WORD = re.compile(
    r"(?<![\\A-Za-z])(?:[A-Za-z]{4,}|(?:not|no|or|and|the|is|of|any|all|odd|are|has|for|two|one|six|ten|but)(?![A-Za-z]))"
    r"|^[A-Za-z]{3}$|\\text"
)


class Unreadable(Exception):  # noqa: N818 - a fact about a text, not a fault
    """The text is not, as a whole, in the grammar; the first argument is a short reason."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operation over nodes; for ``number`` and ``symbol``, ``name`` is its text."""

    kind: str
    args: tuple["Node", ...] = ()
    name: str = ""


def _has_vector(node: Node) -> bool:
    named = node.kind == "symbol" and node.name.startswith((r"\vec", r"\overrightarrow", r"\hat"))
    return named or any(map(_has_vector, node.args))


def parse(text: str) -> Node:
    """The tree of a whole normalised text. Raises Unreadable."""
    if _WORD.search(text):
        raise Unreadable("text_answer")
    tokens = _TOKEN.findall(text)
    if not tokens:
        raise Unreadable("empty")
    if len(tokens) > MAX_TOKENS:
        raise Unreadable("too_big")
    reader = _Reader(tokens)
    tree = reader.sum()
    if reader.peek():
        raise Unreadable("not_read_to_the_end")
    if _is_deep(tree):
        raise Unreadable("too_deep")
    return tree


def _is_deep(tree: Node) -> bool:
    """A product of a thousand factors is as deep: whatever walks a tree calls itself once a level."""
    level = [tree]
    for _ in range(MAX_LEVELS):
        level = [arg for node in level for arg in node.args]
        if not level:
            return False
    return True


class _Reader:
    """Recursive descent over the tokens; ``depth`` keeps a hostile nesting off the interpreter's stack."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._bars = 0
        self._nested = 0

    def peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ""

    def take(self) -> str:
        sign = self.peek()
        if not sign:
            raise Unreadable("cut_off")
        self._at += 1
        return sign

    def expect(self, sign: str) -> None:
        if self.take() != sign:
            raise Unreadable("unbalanced")

    def sum(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable("too_deep")
        terms = [self.product()]
        while self.peek() in ("+", "-"):
            negative = self.take() == "-"
            term = self.product()
            terms.append(Node("negate", (term,)) if negative else term)
        self._depth -= 1
        return terms[0] if len(terms) == 1 else Node("sum", tuple(terms))

    def product(self) -> Node:
        left = self.signed()
        slashed = False
        while True:
            if self.peek() in _TIMES:
                cross = self.take() == r"\times"
                right = self.signed()
                if cross and _has_vector(left) and _has_vector(right):
                    raise Unreadable("vectors")
                left, slashed = Node("times", (left, right)), False
            elif self.peek() in _OVER:
                plain_number = left.kind == "number"
                self.take()
                below = self.signed()
                slashed = not (plain_number and below.kind == "number")
                left = Node("over", (left, below))
            elif self._begins_factor():
                # 1/xy is read either way by people, so it is not read here.
                if slashed:
                    raise Unreadable("ambiguous")
                left = self._juxtaposed(left)
            else:
                return left

    def _juxtaposed(self, left: Node) -> Node:
        mixed = left.kind == "number" and left.name.isdigit() and self.peek() == r"\frac"
        number_follows = self.peek()[0].isdigit()
        if number_follows and (left.kind == "number" or left.kind == "over"):
            raise Unreadable("two_numbers")
        right = self.power()
        if mixed and all(part.kind == "number" and part.name.isdigit() for part in right.args) and right.kind == "over":
            return Node("sum", (left, right))
        return Node("times", (left, right))

    def signed(self) -> Node:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.take() == "-"
        node = self.power()
        # The sign binds looser than the mixed number that may follow: -2\frac{1}{3}.
        if negative and node.kind == "number" and self.peek() == r"\frac":
            node = self._juxtaposed(node)
        return Node("negate", (node,)) if negative else node

    def power(self) -> Node:
        base = self.postfix(self.primary())
        if self.peek() != "^":
            return base
        self.take()
        if self.peek() == r"\circ" or (self.peek() == "{" and self.peek(1) == r"\circ"):
            return self._degrees(base)
        return self.postfix(Node("power", (base, self.exponent())))

    def postfix(self, node: Node) -> Node:
        while self.peek() == "!":
            self.take()
            node = Node("factorial", (node,))
        return node

    def exponent(self) -> Node:
        self._nested += 1  # never taken back: a tower that long is none that people write
        if self._nested > MAX_LEVELS:
            raise Unreadable("too_deep")
        if self.peek() == "-":
            self.take()
            return Node("negate", (self.exponent(),))
        if self.peek() == "{":
            return self.argument()
        base = self.primary()
        if self.peek() == "^":  # 5^5^5 is no LaTeX; people mean the tower
            self.take()
            return Node("power", (base, self.exponent()))
        return base

    def _degrees(self, base: Node) -> Node:
        if self.take() == "{":
            self.take()
            self.expect("}")
        if self.peek()[:1].isdigit() and self.peek(1) == "'":
            minutes = Node("over", (Node("number", name=self.take()), Node("number", name="60")))
            self.take()
            base = Node("sum", (base, minutes))
        return Node("degrees", (base,))

    def argument(self) -> Node:
        r"""A group in braces, or what LaTeX takes without them: one digit, one letter, one command."""
        sign = self.peek()
        if sign == "{":
            self.take()
            inner = self.sum()
            self.expect("}")
            return inner
        if sign.isdigit() and len(sign) > 1:
            self._tokens[self._at : self._at + 1] = [sign[0], sign[1:]]
        return self.primary()

    def primary(self) -> Node:
        self._nested += 1
        if self._nested > MAX_LEVELS:
            raise Unreadable("too_deep")
        node = self._primary(self.take())
        self._nested -= 1
        return node

    def _primary(self, sign: str) -> Node:
        if sign[0].isdigit() or sign[0] == ".":
            return self._number(sign)
        if sign in _CLOSING:
            return self._group(sign)
        if sign[0] == "\\":
            return self._command(sign[1:])
        if sign.isascii() and sign.isalpha():
            return self._symbol(sign)
        raise Unreadable("unknown_sign")

    def _number(self, sign: str) -> Node:
        if len(sign) > 400:
            raise Unreadable("too_big")
        if sign.startswith("00"):  # a part of 1,000
            raise Unreadable("two_numbers")
        if self.peek() != r"\overline":
            return Node("number", name=sign)
        self.take()
        self.expect("{")
        repeating = self.take()
        self.expect("}")
        if "." not in sign or not repeating.isdigit():
            raise Unreadable("unknown_sign")
        return Node("repeating", name=f"{sign}|{repeating}")

    def _group(self, opening: str) -> Node:
        self._bars += opening == "|"
        inner = self.sum()
        self.expect(_CLOSING[opening])
        self._bars -= opening == "|"
        wrapper = _WRAPPERS.get(opening)
        return Node(wrapper, (inner,)) if wrapper else inner

    def _symbol(self, name: str) -> Node:
        if self.peek() == "_":
            self.take()
            name += "_" + self._subscript()
        while self.peek() == "'":
            name += self.take()
        return Node("symbol", name=name)

    def _subscript(self) -> str:
        if self.peek() != "{":
            return self.take()
        taken = [self.take()]
        while self.peek() and self.peek() != "}":
            taken.append(self.take())
            if taken[-1] == "{" or len(taken) > 12:
                raise Unreadable("unknown_sign")
        self.expect("}")
        return "".join(taken[1:])

    def _command(self, name: str) -> Node:
        if name == "frac":
            return Node("over", (self.argument(), self.argument()))
        if name == "binom":
            return Node("binomial", (self.argument(), self.argument()))
        if name == "sqrt":
            return self._root()
        if name in FUNCTIONS:
            return self._function(name)
        if name == "pi":
            return Node("pi")
        if name in _GREEK:
            return self._symbol("\\" + name)
        if name in _ACCENTS:
            return self._symbol(rf"\{name} {self._accented()}")
        raise Unreadable("unknown_command")

    def _accented(self) -> str:
        """What stands under an arrow or a bar: a name, whatever its letters are elsewhere."""
        if self.peek() != "{":
            return self.take()
        return self._subscript()

    def _root(self) -> Node:
        degree = Node("number", name="2")
        if self.peek() == "[":
            self.take()
            degree = self.sum()
            self.expect("]")
        return Node("root", (self.argument(), degree))

    def _function(self, name: str) -> Node:
        base = None
        power = None
        if name == "log" and self.peek() == "_":
            self.take()
            base = self.argument()
        if self.peek() == "^":
            self.take()
            power = self.exponent()
        argument = self._function_argument()
        if power is not None and power == Node("negate", (Node("number", name="1"),)):
            if name not in ("sin", "cos", "tan", "cot", "sec", "csc"):
                raise Unreadable("ambiguous")
            return Node("function", (argument,), f"arc{name}")
        node = Node("function", (argument, base) if base else (argument,), name)
        if name == "log" and base is None:
            node = Node("times", (Node("symbol", name=ANY_LOG), node))
        return Node("power", (node, power)) if power else node

    def _function_argument(self) -> Node:
        r"""``\sin 2\pi x``: factors up to the next sign, operator or function."""
        grouped = self.peek() in ("(", "{", "[")
        node = self.signed() if self.peek() == "-" else self.power()
        if grouped:
            return node
        while self._begins_factor() and self.peek()[1:] not in FUNCTIONS and self.peek() not in ("(", "["):
            node = Node("times", (node, self.power()))
        if self.peek() == "/":
            raise Unreadable("ambiguous")
        return node

    def _begins_factor(self) -> bool:
        sign = self.peek()
        if not sign or (sign == "|" and self._bars):
            return False
        if sign[0] == "\\":
            name = sign[1:]
            return name in FUNCTIONS or name in _GREEK or name in _BEGINNINGS or name in _ACCENTS
        return sign in _CLOSING or (sign.isascii() and sign[0].isalnum()) or sign[0] == "."
