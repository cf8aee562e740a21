"""Validators against published vectors, and what must hold for any number."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.customers.services import identifiers as ids
from plugins.customers.services.identifiers import Level

TODAY = date(2026, 11, 23)
VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors.json"


def resident(value: str, gender: str | None = None) -> ids.Checked:
    return ids.resident_id(value, today=TODAY, gender=gender)


@pytest.mark.parametrize(
    "number",
    [
        "11010519491231002X",
        "34052419800101001X",
        "321083197812162119",
        "360426199101010071",
        "810000199408230021",
        "830000199201300022",
        "932682198501010017",
        "911124198108030024",
    ],
)
def test_issued_numbers_are_right(number: str) -> None:
    assert resident(number) == ids.Checked(number, Level.OK)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("340524800101001", "34052419800101001X"),
        ("150102880730303", "150102198807303035"),
        ("130503670401001", "130503196704010016"),
    ],
)
def test_fifteen_digits_become_eighteen(old: str, new: str) -> None:
    assert resident(old).normalized == new
    assert resident(old).level is Level.OK


@pytest.mark.parametrize(
    ("number", "level", "reason"),
    [
        ("440524188001010014", Level.WARN, ids.REGION),
        ("110105194912310021", Level.ERROR, ids.CHECKSUM),
        ("340524198001010013", Level.ERROR, ids.CHECKSUM),
        ("110105199902290013", Level.ERROR, ids.DATE),
        ("1101051949123100", Level.ERROR, ids.LENGTH),
        ("1101051949123100AX", Level.ERROR, ids.CHARACTERS),
        ("110105491231996", Level.WARN, ids.REVIEW_15),
    ],
)
def test_doubtful_and_wrong_numbers_say_why(number: str, level: Level, reason: str) -> None:
    checked = resident(number)
    assert checked.level is level
    assert reason in checked.reasons


@pytest.mark.parametrize(
    "written", ["11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ", "110105 19491231 002*"]
)
def test_ways_of_writing_mean_one_number(written: str) -> None:
    assert resident(written) == ids.Checked("11010519491231002X", Level.OK)


def test_gender_is_compared_with_the_record() -> None:
    assert resident("11010519491231002X", "2").level is Level.OK
    assert resident("11010519491231002X", "1").reasons == (ids.GENDER,)
    assert resident("11010519491231002X", "0").level is Level.OK


def test_future_and_minors() -> None:
    body = "11010520270101001"
    assert resident(body + ids.id_check_digit(body)).reasons == (ids.FUTURE,)
    body = "11010520150101001"
    assert resident(body + ids.id_check_digit(body)).reasons == (ids.MINOR,)


def test_permanent_residence_card_of_2017() -> None:
    assert resident("usa110198001012").normalized == "USA110198001012"
    assert resident("usa110198001012").level is Level.OK


PERSON = r"(11|32|44)[0-9]{4}19[5-9][0-9](0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}"


@given(st.from_regex(PERSON, fullmatch=True), st.data())
def test_one_wrong_digit_is_always_noticed(body: str, data: st.DataObject) -> None:
    number = body + ids.id_check_digit(body)
    at = data.draw(st.integers(0, 16))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != number[at]]))
    assert resident(number[:at] + other + number[at + 1 :]).level is Level.ERROR


@pytest.mark.parametrize(
    "code",
    [
        "91350100M000100Y43",
        "91110000600037341L",
        "91440300708461136T",
        "91110108551385082Q",
        "914403001922038216",
    ],
)
def test_real_credit_codes(code: str) -> None:
    assert ids.uscc(code) == ids.Checked(code, Level.OK)


@pytest.mark.parametrize("code", ["92440300MA5DA12328", "93510100MA6XY1006D", "N2330106MB1K23456F"])
def test_every_kind_of_organisation_is_accepted(code: str) -> None:
    assert ids.uscc(code).level is not Level.ERROR


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("91350100M000100Y4Z", ids.CHARACTERS),
        ("91350100M000100Y44", ids.CHECKSUM),
        ("91350100M000100Y4", ids.LENGTH),
    ],
)
def test_wrong_credit_codes(code: str, reason: str) -> None:
    assert ids.uscc(code).reasons == (reason,)
    assert ids.uscc(code).level is Level.ERROR


@pytest.mark.parametrize("code", ["D2143569-X", "71093123-X", "60003734-1", "70846113-6", "M000100Y-4"])
def test_organisation_codes(code: str) -> None:
    assert ids.org_code(code) == ids.Checked(code.replace("-", ""), Level.OK)


def test_reserved_and_wrong_organisation_codes() -> None:
    assert ids.org_code("PDY000019").reasons == (ids.RESERVED,)
    assert ids.org_code("D2143569-1").reasons == (ids.CHECKSUM,)
    assert ids.org_code("D214356").reasons == (ids.LENGTH,)
    assert ids.org_code("D2143569中").reasons == (ids.CHARACTERS,)


def test_old_registration_number() -> None:
    assert ids.registration_no("110108000000016").level is Level.OK
    assert ids.registration_no("110108000000017").reasons == (ids.CHECKSUM,)
    assert ids.registration_no("11010800000001").reasons == (ids.LENGTH,)


@pytest.mark.parametrize(
    "number", ["6216261000000000018", "6228480402564890018", "6225760008219524", "5200831111111113"]
)
def test_cards(number: str) -> None:
    assert ids.card_no(number).level is Level.OK
    assert ids.card_no(f"{number[:4]} {number[4:]}").normalized == number


def test_a_wrong_card_is_only_a_doubt() -> None:
    assert ids.card_no("6216261000000000019") == ids.Checked("6216261000000000019", Level.WARN, (ids.LUHN,))
    assert ids.card_no("62162").level is Level.ERROR
    assert ids.card_no("6216A").level is Level.ERROR


@pytest.mark.parametrize(
    "written", ["13912345678", "+86 139 1234 5678", "8613912345678", "0086-139-1234-5678", "１３９１２３４５６７８"]
)
def test_mobile_numbers(written: str) -> None:
    assert ids.mobile(written) == ids.Checked("13912345678", Level.OK)


@pytest.mark.parametrize(
    ("number", "level"),
    [
        ("13800138000", Level.WARN),
        ("19999999999", Level.WARN),
        ("12345678901", Level.ERROR),
        ("057188888888", Level.ERROR),
    ],
)
def test_made_up_mobile_numbers(number: str, level: Level) -> None:
    assert ids.mobile(number).level is level


@pytest.mark.skipif(not VECTORS.exists(), reason="the handbook's vectors are not beside this checkout")
def test_handbook_vectors() -> None:
    given_ = json.loads(VECTORS.read_text("utf-8"))
    people = given_["resident_id"]
    for number in people["valid"] + people["hmt_residence"] + people["pr_2023"]:
        assert resident(number).level is Level.OK, number
    for number in people["valid_region_warn"]:
        assert resident(number).level is Level.WARN, number
    for number in people["invalid"]:
        assert resident(number).level is Level.ERROR, number
    for old, new in people["upgrade15"].items():
        assert resident(old).normalized == new
    for code in given_["uscc"]["valid"]:
        assert ids.uscc(code).level is not Level.ERROR, code
    for code in given_["uscc"]["invalid"]:
        assert ids.uscc(code).level is Level.ERROR, code
    assert all(ids.org_code(code).level is Level.OK for code in given_["org_code"]["valid"])
    assert all(ids.registration_no(number).level is Level.OK for number in given_["gs15_regno"]["valid"])
    assert all(ids.card_no(number).level is Level.OK for number in given_["luhn"]["valid"])
    assert all(ids.card_no(number).level is Level.WARN for number in given_["luhn"]["invalid"])
