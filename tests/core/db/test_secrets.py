"""Identifiers at rest: unreadable, untampered, found by index, keys that rotate."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import MetaData, create_engine, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from core.db import secrets
from core.db.secrets import Encrypted, Keys, SecretError, decrypt, encrypt, keyed_index

NUMBER = "11010519491231002X"


class Base(DeclarativeBase):
    metadata = MetaData()


class Paper(Base):
    __tablename__ = "s_paper"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str | None] = mapped_column(Encrypted("papers"))


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: Any) -> Keys:
    found = Keys.load(tmp_path)
    monkeypatch.setattr(secrets, "_process_keys", found)
    return found


@given(st.text(), st.text(max_size=5))
def test_round_trip(value: str, purpose: str) -> None:
    sealed = encrypt(value, purpose)
    assert decrypt(sealed, purpose) == value
    assert sealed != encrypt(value, purpose)
    with pytest.raises(SecretError):
        decrypt(sealed, purpose + "x")


def test_tampering_is_noticed() -> None:
    sealed = encrypt(NUMBER)
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for broken in (flipped, "9" + sealed[1:], sealed[2:], "1:", "", "1:####"):
        with pytest.raises(SecretError) as caught:
            decrypt(broken)
        assert NUMBER not in str(caught.value)


def test_index() -> None:
    one = keyed_index(NUMBER, "papers.number")
    assert one == keyed_index(NUMBER, "papers.number") == keyed_index(NUMBER, "papers.number", 1)
    assert re.fullmatch(r"1:[0-9a-f]{48}", one)
    assert one != keyed_index(NUMBER, "papers.last4") != keyed_index(NUMBER[:-1], "papers.last4")


def test_keys_rotate(tmp_path: Path, monkeypatch: Any, keys: Keys) -> None:
    old, index = encrypt(NUMBER), keyed_index(NUMBER, "p")
    for kind in ("data", "index"):
        (tmp_path / "keys" / f"{kind}-2").write_text("ab" * 32)
    (tmp_path / "keys" / "data-notes").write_text("not a key")
    monkeypatch.setattr(secrets, "_process_keys", Keys.load(tmp_path))
    assert decrypt(old) == NUMBER
    assert encrypt(NUMBER).startswith("2:") and keyed_index(NUMBER, "p").startswith("2:")
    assert keyed_index(NUMBER, "p", 1) == index
    assert not any(key.hex() in repr(keys) for key in keys.data.values())


def test_without_keys(monkeypatch: Any) -> None:
    monkeypatch.setattr(secrets, "_process_keys", None)
    with pytest.raises(SecretError):
        encrypt("x")


def test_each_app_has_its_own_keys(tmp_path: Path) -> None:
    apps = []
    for name in ("a", "b"):
        app = Flask(name)
        (tmp_path / name).mkdir()
        app.config["CRM"] = SimpleNamespace(instance=tmp_path / name)
        secrets.init_app(app)
        apps.append(app)
    with apps[0].app_context():
        sealed = encrypt(NUMBER)
    with apps[1].app_context(), pytest.raises(SecretError):
        decrypt(sealed)
    with apps[0].app_context():
        assert decrypt(sealed) == NUMBER


def test_column(caplog: Any) -> None:
    engine = create_engine("sqlite://", echo=True)
    Base.metadata.create_all(engine)
    with Session(engine) as s:
        s.add_all([Paper(id=1, number=NUMBER), Paper(id=2)])
        s.commit()
        assert s.get(Paper, 1).number == NUMBER and s.get(Paper, 2).number is None
        stored = s.execute(text("select number from s_paper where id = 1")).scalar()
        assert stored.startswith("1:") and NUMBER not in stored
        literal = insert(Paper).values(id=3, number=NUMBER).compile(engine, compile_kwargs={"literal_binds": True})
        assert NUMBER not in str(literal) and "'1:" in str(literal)
        assert s.scalars(select(Paper.number).where(Paper.id == 1)).one() == NUMBER
    assert NUMBER not in caplog.text
    engine.dispose()
