"""Numbers and names: normal form, recognition, masking."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portal.domain import identity
from portal.domain.identity import Kind

DEMO_IDS = (
    "000000195203150010",
    "000000194809060023",
    "000000198704120032",
    "000000199007230046",
    "00000020240110005X",
    "00000020191201006X",
    "000000197605180078",
    "000000196506300084",
)
NUMBERS = st.text(alphabet="0123456789xX-－０１２３４５６７８９ \u3000\u200bABCabc*", max_size=24)


@pytest.mark.parametrize("number", DEMO_IDS)
def test_demo_identities_are_right_and_a_changed_digit_is_not(number: str) -> None:
    """The check character of the demo's people, and its purpose."""
    assert identity.is_id_card(number)
    assert identity.recognise(number)[0] is Kind.ID_CARD
    assert identity.id_check_character(number[:17]) == number[17]
    for place in (14, 15, 16):
        digit = str((int(number[place]) + 1) % 10)
        assert not identity.is_id_card(number[:place] + digit + number[place + 1 :])


@given(st.from_regex(r"\A[0-9]{17}\Z"), st.integers(0, 16), st.integers(1, 9))
def test_check_character_notices_every_single_wrong_digit(first17: str, place: int, shift: int) -> None:
    """ISO 7064 MOD 11-2 finds all single substitutions."""
    wrong = first17[:place] + str((int(first17[place]) + shift) % 10) + first17[place + 1 :]
    assert identity.id_check_character(first17) != identity.id_check_character(wrong)


@pytest.mark.parametrize("first17", ["", "1" * 16, "1" * 18, "1234567890123456X", "１" * 17])
def test_check_character_wants_seventeen_digits(first17: str) -> None:
    """Anything else is a caller's error."""
    with pytest.raises(ValueError, match="seventeen"):
        identity.id_check_character(first17)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (" 0000002024 0110 005x ", "00000020240110005X"),
        ("００００００２０２４０１１０００５ｘ", "00000020240110005X"),
        ("100-0000-0001", "10000000001"),
        ("+86 138 0000 0000", "13800000000"),
        ("008613800000000", "13800000000"),
        ("test00001", "TEST00001"),
        ("test\u200b00001\ufeff", "TEST00001"),
        ("无", ""),
        ("-", ""),
        ("******", ""),
        ("", ""),
    ],
)
def test_what_people_type(typed: str, normal: str) -> None:
    """Blanks, dashes, full-width digits, lower case, country code, placeholders."""
    assert identity.normalise(typed) == normal


@given(st.one_of(NUMBERS, st.text(max_size=30)))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """Stored and typed forms meet."""
    once = identity.normalise(text)
    assert identity.normalise(once) == once
    name = identity.normalise_name(text)
    assert identity.normalise_name(name) == name


@given(st.from_regex(r"\A[0-9A-Z]{6,18}\Z"), st.data())
def test_blanks_and_dashes_never_matter(number: str, data: st.DataObject) -> None:
    """However it is grouped, it is the same number."""
    gaps = data.draw(
        st.lists(
            st.sampled_from(["", " ", "-", "\u3000", "\u200b", "—"]),
            min_size=18,
            max_size=18,
        )
    )
    grouped = "".join(character + gap for character, gap in zip(number, gaps, strict=False))
    assert identity.normalise(grouped) == identity.normalise(number)
    assert identity.recognise(grouped) == identity.recognise(number)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800000000", True),
        ("10000000001", True),
        ("12800000000", False),
        ("1380000000", False),
        ("10000010001", False),
    ],
)
def test_phones(text: str, phone: bool) -> None:
    """Mobile prefixes and the demo's range."""
    assert identity.is_phone(text) is phone


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("000000520315001", Kind.ID_CARD),
        ("911124198108030024", Kind.RESIDENCE),
        ("FRA110081081001", Kind.RESIDENCE),
        ("H12345678", Kind.HONG_KONG_MACAU),
        ("m1234567801", Kind.HONG_KONG_MACAU),
        ("12345678", Kind.TAIWAN),
        ("1234567890A", Kind.TAIWAN),
        ("E12345678", Kind.PASSPORT),
        ("10000000001", Kind.PHONE),
        ("TESTYB000001", Kind.CARD),
        ("9900000001", Kind.CARD),
        ("TEST00001", Kind.CARD),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    """Every kind of number is among the candidates; every kind has a title."""
    if kind is Kind.RESIDENCE and text[0] == "9":
        text = text[:17] + identity.id_check_character(text[:17])
    found = identity.recognise(text)
    assert kind in found
    assert all(candidate.title for candidate in found)


@pytest.mark.parametrize("text", ["", "无", "----", "12", "张三", "000000195213150018", "' OR 1=1 --"])
def test_nothing_to_search_by(text: str) -> None:
    """An impossible birthday is no ID number; words are no number at all."""
    assert Kind.ID_CARD not in identity.recognise(text)
    assert identity.recognise(text) in ((), (Kind.CARD,))


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (" 林 演　安 ", "林演安"),
        ("阿·买买提", "阿·买买提"),
        ("阿•买买提", "阿·买买提"),
        ("阿．买买提", "阿·买买提"),
        ("Li Ming", "LIMING"),
    ],
)
def test_names(typed: str, normal: str) -> None:
    """All blanks go, all middle dots are one."""
    assert identity.normalise_name(typed) == normal


@pytest.mark.parametrize(
    ("code", "right"),
    [("AAAAAAAAAAAAAA", False), ("A" * 21, False), ("张三", False), ("", False), ("A" * 15, True), ("A" * 20, True)],
)
def test_a_code_of_an_organisation_has_fifteen_to_twenty_characters(code: str, right: bool) -> None:
    assert identity.is_credit_code(code) is right


@pytest.mark.parametrize(
    ("first17", "last"), [("0123456789ABCDEFG", "7"), ("HJKLMNPQRTUWXY012", "Y"), ("91350100M000100Y4", "3")]
)
def test_the_check_character_of_a_credit_code(first17: str, last: str) -> None:
    assert identity.credit_check_character(first17) == last


@pytest.mark.parametrize(
    ("number", "day"),
    [
        ("000000195203150010", date(1952, 3, 15)),
        ("00000020240110005X", date(2024, 1, 10)),
        ("00000020191201006x", date(2019, 12, 1)),
        ("000000520315001", date(1952, 3, 15)),
        ("000000195203150011", None),
        ("000000520230001", None),
        ("10000000001", None),
        ("", None),
    ],
)
def test_an_identity_number_tells_the_birthday(number: str, day: date | None) -> None:
    assert identity.birthday(number) == day
    assert identity.is_id_card(number) is (day is not None)


@pytest.mark.parametrize(
    ("day", "born"), [("18491231", False), ("18500101", True), ("19521131", False), ("19520010", False)]
)
def test_nobody_alive_is_born_before_1850_or_on_no_day(day: str, born: bool) -> None:
    first17 = f"000000{day}001"
    assert identity.is_id_card(first17 + identity.id_check_character(first17)) is born


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("000000195203150010", (Kind.ID_CARD,)),
        ("000000520315001", (Kind.ID_CARD,)),
        ("10000000001", (Kind.PHONE,)),
        ("+86 138 0000 0000", (Kind.PHONE,)),
        ("FRA110081081001", (Kind.RESIDENCE, Kind.CARD)),
        ("H12345678", (Kind.HONG_KONG_MACAU, Kind.PASSPORT, Kind.CARD)),
        ("M1234567801", (Kind.HONG_KONG_MACAU, Kind.CARD)),
        ("12345678", (Kind.TAIWAN, Kind.PASSPORT, Kind.CARD)),
        ("1234567890A", (Kind.TAIWAN, Kind.CARD)),
        ("EABCDEFG", (Kind.CARD,)),
        ("12345", (Kind.CARD,)),
        ("1234", ()),
        ("A" * 33, ()),
    ],
)
def test_every_kind_that_shares_the_shape_is_named_likeliest_first(text: str, kinds: tuple[Kind, ...]) -> None:
    assert identity.recognise(text) == kinds


def test_a_permanent_residence_card_has_eighteen_digits_as_well() -> None:
    number = "91112419810803002" + identity.id_check_character("91112419810803002")
    assert identity.recognise(number) == (Kind.RESIDENCE, Kind.CARD)
    assert identity.recognise("911124810803002") == (Kind.ID_CARD,)


@pytest.mark.parametrize(
    ("typed", "slip", "bare"),
    [
        ("QP23456789", True, ""),
        ("qp 2345-6789", True, ""),
        ("abcdefgh", False, "QPABCDEFGH"),
        ("2345678z", False, "QP2345678Z"),
        ("23456789", False, ""),
        ("QP2345678I", False, ""),
        ("QP2345678", False, ""),
        ("QP234567890", False, ""),
        ("2345678O", False, ""),
        ("", False, ""),
    ],
)
def test_a_fetch_code_is_known_with_and_without_its_letters(typed: str, slip: bool, bare: str) -> None:
    assert identity.is_slip_code(typed) is slip
    assert identity.bare_slip_code(typed) == bare


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("000000195203150010", "居民身份证"),
        ("000000195203150011", "卡号。如果填的是身份证，它的最后一位对不上，请核对"),
        ("H12345678", "港澳居民来往内地通行证，或护照"),
        ("A123456(7)", "护照，或医保卡、就诊卡、社保卡"),
        ("12345", "医保卡、就诊卡、社保卡"),
        ("12", ""),
    ],
)
def test_a_person_is_told_what_the_number_looks_like(typed: str, said: str) -> None:
    assert identity.spoken_kind(typed) == said


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("A123456(7)", ("A1234567", "A123456(7)")),
        ("AB1234567", ("AB1234567", "AB123456(7)")),
        ("0123456701B", ("0123456701B", "0123456701(B)")),
        ("[H12345678]", ("H12345678", "[H12345678]")),
        ("()", ("()",)),
        ("000000680203034", ("000000196802030349", "000000680203034")),
        ("000000196802030445", ("000000196802030445", "000000680203044")),
        ("00000020240110005X", ("00000020240110005X",)),
        ("", ("",)),
    ],
)
def test_a_document_is_looked_for_in_all_its_spellings(number: str, forms: tuple[str, ...]) -> None:
    assert identity.spellings(number) == forms


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("000000520315001", "000000*****5001"),
        ("12345678901234", "1***********34"),
        ("1234", "1*34"),
        ("123", "***"),
        ("12", "**"),
        ("", ""),
    ],
)
def test_of_a_short_number_a_mask_shows_less(number: str, masked: str) -> None:
    assert identity.mask_id(number) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("99000000012345", "**********2345"),
        ("123456789", "*****6789"),
        ("12345678", "*****678"),
        ("12", "**"),
        ("1", "*"),
        ("", ""),
    ],
)
def test_of_a_short_card_fewer_than_half_are_shown(number: str, masked: str) -> None:
    assert identity.mask_card(number) == masked


def test_masks() -> None:
    """The forms of the declared table."""
    assert identity.mask_name("林演安") == "林**"
    assert identity.mask_name("林演") == "林**", "the mask does not tell the length"
    assert identity.mask_name("阿" * 96) == "阿**"
    assert identity.mask_name("林") == "*"
    assert identity.mask_name("") == ""
    assert identity.mask_id("000000195203150010") == "000000********0010"
    assert identity.mask_id("H12345678") == "H******78"
    assert identity.mask_phone("10000000001") == "100****0001"
    assert identity.mask_card("9900000001") == "******0001"
    assert identity.mask_card("TEST") == "***T"


@given(st.text(alphabet="0123456789ABCX", min_size=1, max_size=30))
def test_masks_keep_the_length_and_hide_something(text: str) -> None:
    """A mask shows no more than its head and tail, and never the whole."""
    number = identity.normalise(text)
    for mask in (identity.mask_id, identity.mask_phone, identity.mask_card):
        masked = mask(text)
        assert len(masked) == len(number)
        assert not number or "*" in masked
        assert all(shown in ("*", real) for shown, real in zip(masked, number, strict=True))


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("买买提·艾合买提", "买买提艾合买提"),
        ("买买提·艾合买提", "买买提 艾合买提"),
        ("买买提·艾合买提", "买买提-艾合买提"),
        ("买买提˙艾合买提", "买买提·艾合买提"),
        ("买买提—艾合买提", "买买提艾合买提"),
        ("José Núñez", "jose nunez"),
        ("Jose\u0301", "José"),
        ("O'Brien", "O’Brien"),
        ("李〇一", "李零一"),
        ("林\u00ad演\ufe0f安\u3164", "林演安"),
        ("王䶮", "王\ue863"),
    ],
)
def test_one_name_in_two_spellings(stored: str, typed: str) -> None:
    """What phones have no key for, what people leave out, what leaves no ink."""
    assert identity.loose_name(stored) == identity.loose_name(typed) != ""


def test_other_names_stay_others() -> None:
    """A looser comparison is no comparison of the first characters."""
    assert identity.loose_name("买买提·艾合买提") != identity.loose_name("买买提·艾合")
    assert identity.loose_name("王䶮") != identity.loose_name("王龙")


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("A123456(7)", "A1234567"),
        ("B1234567", "B123456(7)"),
        ("C1234567", "C123456（7）"),
        ("0123456701(B)", "0123456701B"),
        ("000000680203034", "000000196802030349"),
        ("000000196802030445", "000000680203044"),
    ],
)
def test_one_document_in_two_spellings(stored: str, typed: str) -> None:
    """Whichever of both is kept, the other finds it."""
    assert set(identity.spellings(stored)) & {identity.normalise(typed), *identity.spellings(typed)}
    assert identity.normalise(stored) in identity.spellings(typed)


@given(st.from_regex(r"\A[0-9A-Z]{5,30}\Z"))
def test_an_ordinary_number_has_its_own_spelling_first(number: str) -> None:
    """And a birthday of this century has no 15 digits."""
    assume(not (len(number) == 15 and identity.is_id_card(number)))  # its form of today stands first
    assert identity.spellings(number)[0] == identity.normalise(number)
    assert identity.spellings("00000020240110005X") == ("00000020240110005X",)


@pytest.mark.parametrize(
    "forms",
    [
        ("000000680203034", "000000196802030349", "000000 680203 034"),
        ("A123456(7)", "a1234567", "A123456（7）"),
        ("0123456701(B)", "0123456701b"),
    ],
)
def test_every_form_of_a_document_has_the_same_first(forms: tuple[str, ...]) -> None:
    """So that whoever tries them one after the other is counted as one."""
    assert len({identity.spellings(form)[0] for form in forms}) == 1


def test_the_forms_of_a_name_that_a_search_looks_for() -> None:
    assert {"买买提·艾合买提", "买买提艾合买提"} <= set(identity.name_spellings("买买提 艾合买提"))
    assert "阿卜·杜拉·艾合" in identity.name_spellings("阿卜杜拉艾合")
    assert identity.name_spellings("林演安")[0] == "林演安" and "李〇一" in identity.name_spellings("李零一")
    assert identity.name_spellings(" ") == () and len(identity.name_spellings("一" * 60)) < 200


@pytest.mark.parametrize("code", ["91350100M000100Y43", "12440000TEST00001X", "TEST0000000000001X", "440100123456789"])
def test_codes_of_organisations(code: str) -> None:
    assert identity.is_credit_code(code) and identity.is_credit_code(code.lower())


CREDIT = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17).filter(lambda text: "TEST" not in text)


@given(CREDIT, st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXYIOSVZ"))
def test_a_changed_character_of_a_credit_code_is_noticed(first17: str, place: int, other: str) -> None:
    code = first17 + identity.credit_check_character(first17)
    assert identity.is_credit_code(code)
    assert identity.is_credit_code(code[:place] + other + code[place + 1 :]) == (code[place] == other)
