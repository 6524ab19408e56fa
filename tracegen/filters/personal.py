"""The filter for personal data in what the teacher wrote. It names the kind and never quotes what it found.

Mathematics is full of digits, so a number alone is nothing: it needs check digits that agree, or words before it that
say what it is. Addresses and numbers that documentation uses as examples belong to nobody.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from tracegen.filter_options import PersonalData, PersonalKind
from tracegen.filters.finding import Subject

Numbers = list[tuple[int, int]]
"""Where in a text long numbers stand."""

BEFORE = 40
"""Characters before a number in which the word stands that says what it is."""

_EMAIL = re.compile(r"(?<![\w.+-])([A-Za-z0-9][\w.+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24})(?![\w@-])")
_EXAMPLE_HOSTS = re.compile(
    r"(?:^|\.)(?:example|test|invalid|localhost|local|domain|email|yourdomain|mydomain|company|yourcompany|mail|site"
    r"|website|sample|foo|bar|abc|xyz|somewhere|host)(?:\.(?:com|org|net|edu|co|io|[a-z]{2}))?$",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"^(?:info|support|contact|admin|sales|help|office|no-?reply|webmaster|postmaster|hello|team|press|jobs|hr|service"
    r"|customer\.?service|billing|privacy|security|feedback|abuse|git|user(?:name)?|name|your\.?name|email|someone"
    r"|first(?:name)?\.last(?:name)?|test|foo|bar|example|alice|bob|john\.?doe|jane\.?doe)\d*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d[\d .()-]{7,}[\dXx]")
"""Whatever may hold one of the numbers below; most texts have few."""
_PHONE_WORDS = re.compile(
    r"(?:phone|\btel|\bcall (?:me|us|him|her|them)|mobile|\bcell|whatsapp|\bfax|hotline"
    r"|\bring (?:me|us)|\btext (?:me|us)|\breach (?:me|us|him|her)|电话|手机|热线|传真|致电|联系方式)"
    r"[^\d\n=*/<>+^]{0,24}\Z",
    re.IGNORECASE,
)
_PHONE = re.compile(r"\d[\d .()-]{7,24}\d")
_CALCULATED = re.compile(r"\s*[\d=*/<>+^×÷]|\.\d")
_FICTIONAL_PHONE = re.compile(r"555|(\d)\1{5}|1?234567|123[-. ]?456|0{4}")
_CARD = re.compile(r"(?<!\d)(?:(?:\d{4}[ -]){3}\d{4}(?:[ -]\d{1,3})?|\d{13,19})(?!\d)")
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5|2)")
_CARD_WORDS = re.compile(r"\b(?:card|visa|master ?card|amex|debit|credit)\b|银行卡|信用卡|卡号", re.IGNORECASE)
_TEST_CARDS = frozenset(
    (  # noqa: SIM905
        "4111111111111111 4242424242424242 4012888888881881 5555555555554444 5105105105105100 378282246310005 "
        "371449635398431 6011111111111117 6011000990139424 3530111333300000 4000056655665556 4532015112830366 "
        "4539148803436467 4539578763621486 4556737586899855 79927398713"
    ).split()
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_EXAMPLE_IBANS = frozenset({"GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606"})
_CHINESE_ID = re.compile(r"(?<!\d)\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_SSN_WORDS = re.compile(r"\bssn\b|social security", re.IGNORECASE)


def personal_data(subject: Subject, options: PersonalData) -> str:
    """The kinds that are asked for, in reasoning and answer."""
    for where, text in (("reasoning", subject.trace.reasoning), ("answer", subject.trace.answer)):
        numbers = [found.span() for found in _NUMBER.finditer(text)]
        for kind in options.kinds:
            if _FINDERS[kind](text, numbers):
                return f"{_NAMES[kind]} in the {where}"
    return ""


def _has_email(text: str, numbers: Numbers) -> bool:  # noqa: ARG001 - it needs none
    return "@" in text and any(
        not _EXAMPLE_HOSTS.search(found[2]) and not _ROLES.match(found[1]) for found in _EMAIL.finditer(text)
    )


def _has_phone(text: str, numbers: Numbers) -> bool:
    for found in _within(_PHONE, text, numbers):
        digits = _digits(found[0])
        calculated = _CALCULATED.match(text, found.end())
        if 9 <= len(digits) <= 15 and not calculated and not _FICTIONAL_PHONE.search(digits):
            start = max(0, found.start() - BEFORE)
            if _PHONE_WORDS.search(text[start : found.start()].rstrip("+( ")):
                return True
    return False


def _has_card(text: str, numbers: Numbers) -> bool:
    return any(_is_card(text, found) for found in _within(_CARD, text, numbers))


def _is_card(text: str, found: re.Match[str]) -> bool:
    digits = _digits(found[0])
    before, after = text[max(0, found.start() - 1) : found.start()], text[found.end() : found.end() + 2]
    return (
        _ISSUERS.match(digits) is not None
        and digits not in _TEST_CARDS
        and not re.match(r"[\d.,]", before)
        and not re.match(r"\d|[ .-]\d", after)
        and (digits != found[0] or _said_before(_CARD_WORDS, text, found.start()))
        and luhn(digits)
    )


def _has_iban(text: str, numbers: Numbers) -> bool:  # noqa: ARG001 - it needs none
    candidates = (found[0].replace(" ", "") for found in _IBAN.finditer(text))
    return any(one not in _EXAMPLE_IBANS and iban(one) for one in candidates)


def _has_id_number(text: str, numbers: Numbers) -> bool:
    if any(chinese_id(found[0]) for found in _within(_CHINESE_ID, text, numbers)):
        return True
    return any(_said_before(_SSN_WORDS, text, found.start()) for found in _within(_SSN, text, numbers))


def _within(pattern: re.Pattern[str], text: str, numbers: Numbers) -> Iterator[re.Match[str]]:
    for start, end in numbers:
        yield from pattern.finditer(text, start, end)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, digit sums add up to a multiple of ten."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return len(set(digits)) > 2 and sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def iban(text: str) -> bool:
    """ISO 13616: 15 to 34 characters; rotated by four and read in base 36 per character, one modulo 97."""
    if not 15 <= len(text) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def chinese_id(text: str) -> bool:
    """GB 11643: eighteen characters, the last by ISO 7064 mod 11-2."""
    weighted = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(text[:17]))
    return "10X98765432"[weighted % 11] == text[17].upper()


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _said_before(words: re.Pattern[str], text: str, place: int) -> bool:
    return words.search(text, max(0, place - BEFORE), place) is not None


_NAMES: Mapping[PersonalKind, str] = {
    "email": "an e-mail address",
    "phone": "a telephone number",
    "card": "a card number",
    "iban": "an account number (IBAN)",
    "id_number": "an identity number",
}
_FINDERS: Mapping[PersonalKind, Callable[[str, Numbers], bool]] = {
    "email": _has_email,
    "phone": _has_phone,
    "card": _has_card,
    "iban": _has_iban,
    "id_number": _has_id_number,
}
