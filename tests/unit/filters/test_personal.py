import random

import pytest

from tests.unit.filters.asked import found
from tracegen.filter_options import PersonalData
from tracegen.filters.personal import chinese_id, iban, luhn

PERSONAL = [
    ("email", "You can write to maria.kowalska@gmail.com for details."),
    ("email", "联系人：wang_xiaoming88@163.com"),
    ("email", "<j.van.den.berg@uni-leiden.nl>"),
    ("email", "Contact: peter+newsletter@fastmail.fm."),
    ("email", "mailto:anna-lena.schmidt@web.de?subject=hi"),
    ("email", "His address was t.okafor@mail.lagos.gov.ng, he said."),
    ("phone", "Call me at +49 30 9018 2044 tomorrow."),
    ("phone", "Phone: (212) 736-5089"),
    ("phone", "Tel.: 020 7946 1358"),
    ("phone", "请拨打电话：13812367945"),
    ("phone", "手机号 138 1236 7945"),
    ("phone", "Her mobile number is 07911 223 986."),
    ("phone", "WhatsApp +55 11 98126 4477"),
    ("phone", "Fax 0041-44-268-9137"),
    ("card", "Paid with 4929 1187 3345 2064."),
    ("card", "Card number: 5213 7741 9085 6320"),
    ("card", "my visa is 4716893254107738"),
    ("card", "银行卡号6225880137462512"),
    ("card", "credit card 3714-4963-5398-4312 or so; and 4539 6718 2290 4413"),
    ("iban", "Please transfer to DE44 5001 0517 5407 3249 31."),
    ("iban", "IBAN: NL91ABNA0417164300"),
    ("iban", "CH93 0076 2011 6238 5295 7"),
    ("iban", "ES9121000418450200051332 is the account"),
    ("id_number", "身份证号：11010519491231002X"),
    ("id_number", "她的号码是 510107198703152649"),
    ("id_number", "Her SSN is 219-09-4871."),
    ("id_number", "Social Security number 457-55-5462"),
]

NOT_PERSONAL = [
    ("email", "Write to someone@example.com."),
    ("email", "user@domain.com is a valid address, user@@domain is not."),
    ("email", "For help, write to support@python.org."),
    ("email", "a@b and x @ y are matrix products: A@B@C.T"),
    ("email", "Use @property and @app.route('/') decorators."),
    ("email", "git@github.com:org/repo.git"),
    ("email", "The regex [\\w.]+@[\\w.]+ matches addresses."),
    ("email", "5 apples @ 2.50 each"),
    ("email", "alice@example.org and bob@test.com exchange keys"),
    ("phone", "Brittany's phone can hold 50*50=<<50*50=2500>>2500 photographs of 10800-2500=8300 ducks."),
    ("phone", "The phone costs 299 and the case 25, so 324 in all."),
    ("phone", "A 10-digit phone number has 10^10 = 10000000000 possibilities."),
    ("phone", "Call f(1234567890) and then f(9876543210)."),
    ("phone", "+12 345 678 901 is the sum of the first row."),
    ("phone", "3141592653 5897932384 6264338327"),
    ("phone", "Phone: (212) 555-0147"),
    ("phone", "The mobile moves 120 m in 15 s, 240 m in 30 s."),
    ("phone", "13812367945 = 5 · 2762473589"),
    ("phone", "x = 1 +49 30 9018"),
    ("card", "2^53 = 9007199254740992 and 4503599627370496 is its half."),
    ("card", "4111 1111 1111 1111 is the usual test number."),
    ("card", "The Luhn check of card 79927398713 works as follows."),
    ("card", "4539578763621486 is the valid card of the exercise."),
    ("card", "4929 1187 3345 2067 has a wrong check digit."),
    ("card", "In binary: 0100 1001 0010 1001 0001"),
    ("card", "0.4716893254107735 is about 0.47"),
    ("card", "pi = 3.1415926535897932384626"),
    ("card", "20! = 2432902008176640000"),
    ("card", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
    ("card", "1024 2048 4096 8192 16384"),
    ("iban", "GB82 WEST 1234 5698 7654 32 is the example of the standard."),
    ("iban", "DE44 5001 0517 5407 3249 32 fails the check."),
    ("iban", "CASE12 LEMMA 1234 THEOREM 5678"),
    ("iban", "ABCD1234EFGH5678"),
    ("id_number", "123-45-6789 is a difference of three numbers."),
    ("id_number", "219-09-4871 = -4661"),
    ("id_number", "123456199001011234 is a long number."),
    ("id_number", "The SSN format is 3-2-4 digits, so 10^9 numbers."),
    ("id_number", "2023-11-24 to 2024-01-05"),
]


@pytest.mark.parametrize(("kind", "text"), PERSONAL)
def test_personal_data_is_found(kind: str, text: str) -> None:
    assert found("personal_data", text, options=PersonalData(kinds=(kind,)))
    assert found("personal_data", "Nothing here.", text)


@pytest.mark.parametrize(("kind", "text"), NOT_PERSONAL)
def test_what_belongs_to_nobody_passes(kind: str, text: str) -> None:
    assert found("personal_data", text) == ""


def test_the_kinds_are_the_recipes_and_nothing_is_quoted() -> None:
    text = "Write to maria.kowalska@gmail.com."
    assert found("personal_data", text, options=PersonalData(kinds=("phone", "card"))) == ""
    assert found("personal_data", text) == "an e-mail address in the reasoning"


def test_long_calculations_are_full_of_digits_and_pass() -> None:
    rng = random.Random(3)
    lines = (f"{rng.randrange(10 ** rng.randint(1, 19))} mod {rng.randrange(10**9)}" for _ in range(20_000))
    groups = (" ".join(f"{rng.randrange(10**4):04d}" for _ in range(rng.randint(2, 3))) for _ in range(5_000))
    assert found("personal_data", "\n".join([*lines, *groups])) == ""


@pytest.mark.parametrize(
    ("check", "good"), [(luhn, "79927398713"), (iban, "GB82WEST12345698765432"), (chinese_id, "11010519491231002X")]
)
def test_one_wrong_character_breaks_the_check(check: object, good: str) -> None:
    assert callable(check)
    assert check(good)
    for place in range(4, len(good) - 1):
        if good[place].isdigit():
            changed = good[:place] + str((int(good[place]) + 1) % 10) + good[place + 1 :]
            assert not check(changed), changed
