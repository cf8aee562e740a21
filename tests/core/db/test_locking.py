"""Two people, one row: the second to save is told, with both versions side by side."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.contract.types import ScopeProvider
from core.db.locking import Conflict, Difference, Versioned, check_version
from core.db.session import Access, CrmSession, install

pytestmark = pytest.mark.database("empty")


class Base(DeclarativeBase):
    metadata = MetaData()


class Note(Versioned, Base):
    __tablename__ = "l_note"
    __scope__: ClassVar = {"l.note": "id"}
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(default="")


class Memo(Versioned, Base):
    __tablename__ = "l_memo"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


PROVIDER = ScopeProvider("l.note", "Notes", Note, "id", lambda reach, t: t.c.id < 100)


@pytest.fixture
def session(database_url: str) -> Iterator[Any]:
    engine = create_engine(database_url)
    install(engine)
    Base.metadata.create_all(engine)
    db = SimpleNamespace(engines={None: engine})
    access = Access(1, "l.view", SimpleNamespace(whole_bank=True))  # type: ignore[arg-type]

    def make() -> CrmSession:
        return CrmSession(db, access=access, providers=lambda: [PROVIDER], own=True)

    with make() as s:
        s.add_all([Note(id=1, title="t", body="b"), Memo(id=1, title="t")])
        s.commit()
    yield make
    Base.metadata.drop_all(engine)
    engine.dispose()


def test_version_counts(session: Any) -> None:
    with session() as s:
        note = s.get(Note, 1)
        assert note.version == 1
        note.title = "x"
        s.commit()
        assert note.version == 2


def test_check_version_before_and_after_the_form(session: Any) -> None:
    with session() as s:
        note = s.get(Note, 1)
        check_version(note, 1)
        with pytest.raises(Conflict) as caught:
            check_version(note, 0, mine={"title": "mine", "extra": 1}, base={"title": "old"})
        assert caught.value.differences == [Difference("title", "old", "mine", "t")]
        assert "mine" not in str(caught.value) and "mine" not in repr(caught.value)
        note.title = "mine"
        with pytest.raises(Conflict) as caught:
            check_version(note, 0)
        assert caught.value.mine["title"] == "mine" and caught.value.theirs["title"] == "t"
        assert (caught.value.model, caught.value.key, caught.value.base) == (Note, 1, None)


@pytest.mark.parametrize("model", [Note, Memo])
def test_a_stale_write_becomes_a_conflict(session: Any, model: Any) -> None:
    with session() as mine:
        mine.expire_on_commit = False
        row = mine.get(model, 1)
        mine.commit()
        with session() as other:
            other.get(model, 1).title = "theirs"
            other.commit()
        row.title = "mine"
        with pytest.raises(Conflict) as caught:
            mine.commit()
        mine.rollback()
    assert caught.value.differences == [Difference("title", "t", "mine", "theirs")]
    assert caught.value.theirs is not None and caught.value.theirs["version"] == 2
    with session() as s:
        assert s.get(model, 1).title == "theirs"


def test_a_deleted_row_is_a_conflict_without_theirs(session: Any) -> None:
    with session() as mine:
        mine.expire_on_commit = False
        row = mine.get(Memo, 1)
        mine.commit()
        with session() as other:
            other.delete(other.get(Memo, 1))
            other.commit()
        row.title = "mine"
        with pytest.raises(Conflict) as caught:
            mine.commit()
    assert caught.value.theirs is None
    assert [d.name for d in caught.value.differences] == ["id", "title"]


def test_deleting_a_row_somebody_changed(session: Any) -> None:
    with session() as mine:
        mine.expire_on_commit = False
        row = mine.get(Memo, 1)
        mine.commit()
        with session() as other:
            other.get(Memo, 1).title = "theirs"
            other.commit()
        mine.delete(row)
        with pytest.raises(Conflict):
            mine.commit()
