"""What cannot be scoped is refused before it reaches the database, however well it hides."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import (
    DDL,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    column,
    create_engine,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    text,
    tstring,
    union_all,
    update,
)
from sqlalchemy.exc import CompileError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    column_property,
    mapped_column,
    query_expression,
    relationship,
    selectinload,
    with_expression,
    with_loader_criteria,
)
from sqlalchemy.schema import CreateTable

from core.contract.types import ScopeProvider
from core.db.session import Access, CrmSession, ScopeError

pytestmark = pytest.mark.database("empty")


@pytest.fixture
def b(bank_on_both: Any) -> Any:
    return bank_on_both


def core_statements(b: Any) -> list[Any]:
    party, account = b.Party.__table__, b.Account.__table__
    pa = party.alias()
    inside = select(party.c.id).where(party.c.name == "party 3")
    reflected = Table("t_party", MetaData(), Column("id", Integer), Column("name", String))
    return [
        select(party),
        select(party.c.id),
        select(pa.c.name),
        select(func.count()).select_from(party),
        select(b.Account.id, party.c.name).join(party, party.c.id == b.Account.party_id),
        select(b.Product).where(b.Product.id.in_(inside)),
        select(b.Product).where(exists(inside)),
        select(b.Product.id, inside.scalar_subquery()),
        select(b.Product.id).order_by(inside.scalar_subquery()),
        select(b.Product.id).group_by(b.Product.id).having(func.max(inside.scalar_subquery()) > 0),
        select(inside.subquery()),
        select(inside.cte()),
        select(b.Product.id).add_cte(inside.cte("hidden")),
        select(inside.lateral()),
        union_all(select(b.Product.id), inside),
        select(b.Party.id).union(select(party.c.id)),
        select(b.Party, pa.c.name).join(pa, pa.c.id == b.Party.head_id),
        select(b.Account).join(party, party.c.id == b.Account.party_id),
        select(aliased(b.Party, select(party).subquery())),
        select(func.coalesce(inside.scalar_subquery(), 0)),
        select(b.Party).where(b.Party.id == func.any(inside.scalar_subquery())),
        select(b.Party).limit(inside.scalar_subquery()),
        select(reflected.c.name),
        select(table("t_party", column("name"))),
        select(table("t_PARTY", column("name"))),
        select(b.Party.id).join_from(b.Party, b.Account, full=True),
        select(b.Party.id, b.Account.id).join(b.Account, b.Account.party_id == b.Party.id, full=True),
        select(account.c.id).where(account.c.party_id == b.Party.id),
        insert(party).values(id=9, name="x", home_org_id=3),
        insert(b.Party).values(id=9, name="x", home_org_id=2),
        insert(b.Product).from_select(["id", "name"], select(party.c.id + 100, party.c.name)),
        update(party).values(name="x"),
        update(b.Product).values(name=select(party.c.name).limit(1).scalar_subquery()),
        update(b.Product).where(b.Product.id == party.c.id).values(name="x"),
        delete(party),
        delete(b.Product).where(b.Product.id.in_(inside)),
        delete(b.Product).where(b.Product.id == party.c.id),
    ]


@pytest.mark.parametrize("number", range(37))
def test_core_statements_on_scoped_tables(b: Any, left: Any, number: int) -> None:
    statements = core_statements(b)
    assert len(statements) == 37
    for reach in (left, b.Reach(whole_bank=True), None):
        with b.session(reach) as s, pytest.raises((ScopeError, CompileError)):  # SQLite has no DELETE ... USING
            s.execute(statements[number])
    with b.past() as s:
        assert s.scalars(select(b.Party.name).order_by(b.Party.id)).all() == [f"party {n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    "make",
    [
        lambda b: text("select name from t_party"),
        lambda b: text("select name from t_party").columns(column("name")),
        lambda b: select(text("name from t_party")),
        lambda b: select(b.Product).where(text("exists (select 1 from t_party)")),
        lambda b: select(literal_column("(select name from t_party)")),
        lambda b: select(b.Product.id).order_by(text("(select name from t_party)")),
        lambda b: select(b.Product).prefix_with(text("/* */")),
        lambda b: select(b.Product).with_hint(b.Product, "ONLY" if b.engine.name == "postgresql" else "INDEXED BY x"),
        lambda b: select(b.Product).with_statement_hint("x"),
        lambda b: select(b.Product.id.op("+ (select 1 from t_party) +")(1)),
        lambda b: select(b.Product.id.op("in (select id from t_party) or 1 =")(1)),
        lambda b: select(b.Product.id.op("union select")(1)),
        lambda b: select(func.query_to_xml("select * from t_party", True, False, "")),
        lambda b: select(func.load_extension("x")),
        lambda b: select(b.Product).from_statement(text("select * from t_product")),
        lambda b: select(b.Party).from_statement(select(b.Party)),
        lambda b: select(b.Product).from_statement(select(b.Product)),
        lambda b: DDL("drop table t_party"),
        lambda b: CreateTable(b.Product.__table__),
    ],
)
def test_raw_sql_is_refused_even_on_free_tables(b: Any, left: Any, make: Any) -> None:
    for reach in (left, None):
        with b.session(reach) as s, pytest.raises(ScopeError):
            s.execute(make(b))


def test_tstring_is_refused(b: Any, left: Any) -> None:
    parts = [SimpleNamespace(value=b.Product.__table__, expression="t", conversion=None, format_spec="")]
    template = SimpleNamespace(strings=("select 1 from ", ""), interpolations=parts, values=(b.Product.__table__,))
    with b.session(left) as s, pytest.raises(Exception):  # noqa: B017  (Python 3.11 has no templates to make one of)
        s.execute(tstring(template))


def test_harmless_operators_pass(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert s.scalar(select(literal("a").op("||")("b"))) == "ab"
        assert s.scalar(select(b.Product.name.bool_op("NOT LIKE")("loan%"))) in (True, 1)
        assert s.scalars(select(b.Product.id).prefix_with()).all() == [1]


def test_a_session_without_access_is_blind(b: Any) -> None:
    for statement in (select(b.Party), select(b.Account.id), update(b.Party).values(name="x"), delete(b.Tag)):
        with b.session() as s, pytest.raises(ScopeError):
            s.execute(statement)
    with b.session() as s, pytest.raises(ScopeError):
        s.get(b.Party, 2)
    with b.session() as s:
        s.add(b.Party(id=9, name="x", home_org_id=2))
        with pytest.raises(ScopeError):
            s.flush()


def test_executemany_and_bulk(b: Any, left: Any) -> None:
    rows = [{"id": 91, "name": "x", "home_org_id": 2}, {"id": 92, "name": "y", "home_org_id": 2}]
    with b.session(left) as s:
        for call in (
            lambda: s.execute(insert(b.Party), rows),
            lambda: s.execute(insert(b.Party).returning(b.Party), rows),
            lambda: s.execute(insert(b.Party), rows[:1]),
            lambda: s.execute(update(b.Party), [{"id": 2, "name": "x"}]),
            lambda: s.execute(update(b.Party), [{"id": 3, "name": "x"}]),
            lambda: s.execute(insert(b.Party.__table__), rows),
            lambda: s.bulk_save_objects([b.Party(**rows[0])]),
            lambda: s.bulk_insert_mappings(b.Party, rows),
            lambda: s.bulk_update_mappings(b.Party, [{"id": 2, "name": "x"}]),
            lambda: s.connection(),
            lambda: s.bind,
        ):
            with pytest.raises(ScopeError):
                call()
            s.rollback()


def test_bulk_update_of_a_deciding_column(b: Any, left: Any) -> None:
    with b.session(left) as s:
        for statement, params in (
            (update(b.Party).values(home_org_id=3), None),
            (update(b.Party).values({b.Party.home_org_id: 3}), None),
            (update(b.Party).values({"home_org_id": 3}), None),
            (update(b.Party).where(b.Party.id == 2), {"home_org_id": 3}),
            (update(b.Party).ordered_values((b.Party.home_org_id, 3)), None),
            (update(b.Party).values(id=b.Party.id + 10), None),
            (update(b.Account).values(party_id=3), None),
            (update(b.Ownership).values(employee_id=7), None),
        ):
            with pytest.raises(ScopeError):
                s.execute(statement, params)
        with pytest.raises(ScopeError):
            s.query(b.Account).update({"party_id": 3})
        s.execute(update(b.Party).values(name="new"))


def test_hidden_in_options(b: Any, left: Any) -> None:
    party = b.Party.__table__
    inside = select(party.c.id).where(party.c.name == "party 3").exists()
    with b.session(left) as s:
        for statement in (
            select(b.Product).options(with_loader_criteria(b.Product, inside)),
            select(b.Party).options(selectinload(b.Party.accounts.and_(inside))),
        ):
            with pytest.raises(ScopeError):
                s.scalars(statement).all()


class Hiding(DeclarativeBase):
    metadata = MetaData()


class Secret(Hiding):
    __tablename__ = "h_secret"
    __scope__ = {"h.secret": "id"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str]


class Shelf(Hiding):
    """Its mapping reaches into a scoped table four ways."""

    __tablename__ = "h_shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None] = column_property(
        select(Secret.__table__.c.word).limit(1).scalar_subquery(), deferred=True
    )
    extra: Mapped[str | None] = query_expression()
    through: Mapped[list[Shelf]] = relationship(
        secondary=Secret.__table__,
        primaryjoin=lambda: Shelf.id == Secret.__table__.c.id,
        secondaryjoin=lambda: Secret.__table__.c.id == Shelf.id,
        viewonly=True,
    )
    by_subquery: Mapped[list[Shelf]] = relationship(
        primaryjoin=lambda: (Shelf.id == mapped_remote(Shelf)) & exists(select(Secret.__table__.c.id)),
        viewonly=True,
        uselist=True,
    )


def mapped_remote(model: Any) -> Any:
    from sqlalchemy.orm import foreign, remote

    return remote(foreign(model.id))


def test_hidden_in_a_mapping(database_url: str) -> None:
    from core.db.session import install

    engine = create_engine(database_url)
    install(engine)
    Hiding.metadata.create_all(engine)
    db = SimpleNamespace(engines={None: engine})
    everything: Any = SimpleNamespace(whole_bank=True)
    provider = ScopeProvider("h.secret", "Secrets", Secret, "id", lambda reach, t: t.c.id > 0)

    def session() -> CrmSession:
        return CrmSession(db, access=Access(1, "h.view", everything), providers=lambda: [provider])

    with CrmSession(db, unscoped="test") as s:
        s.add_all([Secret(id=1, word="w"), Shelf(id=1)])
        s.commit()
    for read in (
        lambda s: s.get(Shelf, 1).word,
        lambda s: s.get(Shelf, 1).through,
        lambda s: s.get(Shelf, 1).by_subquery,
        lambda s: s.scalars(select(Shelf).options(selectinload(Shelf.through))).all(),
        lambda s: s.scalars(
            select(Shelf).options(with_expression(Shelf.extra, select(Secret.__table__.c.word).scalar_subquery()))
        ).all(),
        lambda s: s.scalars(select(Shelf.id).where(Shelf.through.any())).all(),
    ):
        with session() as s, pytest.raises(ScopeError):
            read(s)


def test_joined_inheritance_of_a_scoped_model_is_refused() -> None:
    class Local(DeclarativeBase):
        metadata = MetaData()

    class Parent(Local):
        __tablename__ = "j_parent"
        __scope__ = {"j.parent": "id"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "p"}  # noqa: RUF012

    from sqlalchemy import ForeignKey

    with pytest.raises(ScopeError):

        class Child(Parent):
            __tablename__ = "j_child"
            id: Mapped[int] = mapped_column(ForeignKey("j_parent.id"), primary_key=True)
            __mapper_args__ = {"polymorphic_identity": "c"}  # noqa: RUF012


def test_two_providers_of_one_subject_or_no_criterion(b: Any, left: Any) -> None:
    first = b.providers[0]
    b.providers = (first, first)
    with b.session(left) as s, pytest.raises(ScopeError):
        s.scalars(select(b.Party)).all()
    b.providers = (ScopeProvider("t.party", "x", b.Party, "id", lambda reach, t: True),)  # type: ignore[arg-type, return-value]
    with b.session(left) as s, pytest.raises(ScopeError):
        s.scalars(select(b.Party)).all()


def test_a_scope_that_names_no_column(b: Any, left: Any) -> None:
    class Local(DeclarativeBase):
        metadata = MetaData()

    class Bent(Local):
        __tablename__ = "bent"
        __scope__ = {"t.party": "nowhere"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)

    try:
        with b.session(left) as s, pytest.raises(ScopeError):
            s.scalars(select(Bent)).all()
    finally:
        Local.registry.dispose()
        from core.db import scope

        del scope._scoped["bent"]


def test_changing_access(b: Any, left: Any, right: Any) -> None:
    other = Access(2, "t.view", right)
    with b.session(left) as s:
        party = s.get(b.Party, 2)
        with pytest.raises(ScopeError):
            s.access = other
        with pytest.raises(ScopeError):
            s.access = None
        s.expunge(party)
        s.access = other
        assert set(s.scalars(select(b.Party.id))) == {3, 5}
    with b.session() as s:
        product = s.get(b.Product, 1)
        s.access = other
        assert product in s
        assert s.get(b.Party, 2) is None
        kept = s.get(b.Party, 3)
        s.enter(Access(2, "t.other", left))
        assert kept not in s and s.get(b.Party, 3) is None and product in s
        s.get(b.Party, 2).name = "changed"
        with pytest.raises(ScopeError):
            s.enter(other)


def test_rows_carried_from_a_wider_session_keep_to_the_new_scope(b: Any, left: Any, right: Any) -> None:
    with b.session(b.Reach(whole_bank=True)) as s:
        party = s.get(b.Party, 3)
        s.expunge(party)
    with b.session(left) as s:
        s.add(party)
        assert party.accounts == []
        with pytest.raises(Exception, match=r"[Cc]ould not refresh"):
            s.refresh(party)
        party.name = "mine"
        with pytest.raises(ScopeError):
            s.flush()
        s.rollback()
    with b.session(left) as s:
        party = s.get(b.Party, 2)
        s.expunge(party)
    with b.session(b.Reach(whole_bank=True)) as s:
        s.add(party)
        assert {a.id for a in party.accounts} == {21, 22}  # the narrower criteria stayed behind


def test_unscoped_is_a_reason_fixed_at_birth(b: Any) -> None:
    with b.session(unscoped="repair") as s:
        assert s.unscoped == s.info["unscoped"] == "repair"
        assert len(s.scalars(select(b.Party)).all()) == 5
        assert s.execute(text("select count(*) from t_party")).scalar() == 5
        assert s.connection() is not None
        assert s.bind is None
    with b.session() as s:
        s.info["unscoped"] = "so I say"
        with pytest.raises(ScopeError):
            s.scalars(select(b.Party)).all()
        with pytest.raises(ScopeError):
            _ = s.criteria


def test_an_engine_nobody_set_up_is_guarded_all_the_same(b: Any, left: Any) -> None:
    bare = create_engine(b.engine.url)
    with CrmSession(
        SimpleNamespace(engines={None: bare}), access=Access(1, "t.view", left), providers=lambda: b.providers
    ) as s:
        assert set(s.scalars(select(b.Party.id))) == {2, 4}
        with pytest.raises(ScopeError):
            s.execute(select(b.Party.__table__))
    with b.session(left) as s, bare.connect() as conn, pytest.raises(ScopeError):
        s.execute(select(b.Party), bind_arguments={"bind": conn})
    bare.dispose()
