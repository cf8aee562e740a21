"""Finding customers among many: the list, each kind of search, and pages deep in, for a user of the whole bank and for
one of a 支行.

python tests/bench/search.py --rows 1000000 [--db sqlite|postgresql] [--rounds 30]

PostgreSQL is the one of CRM_DATABASE_URL, or else a server of the benchmark's own.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from kit import Client, prepare, report, serving, summary, timed

BATCH = 10_000
FIRST = 1_000_000
"""Customers of the benchmark are numbered from here; those of the sample bank lie below."""
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰文建国海云峰志宇欣怡子涵浩然梓雨泽"
DAY = date(2026, 11, 20)


def pool(count: int) -> list[tuple[str, str, list[str]]]:
    """Names as ``(name, sort name, index entries)``; a city's people share few, so some thousands do."""
    from plugins.customers.services import names

    dice = random.Random(1)
    made = {dice.choice(SURNAMES) + "".join(dice.choices(GIVEN, k=dice.choice((1, 2, 2)))) for _ in range(count)}
    return [(n, names.sort_name(n, True), sorted(names.of_party(n, None, True))) for n in sorted(made)]


def parties(rows: int, orgs: list[int]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Customers with identifiers indexed as a delivery would index them, and the texts each is found by."""
    from plugins.customers.services import facets

    people, dice = pool(6_000), random.Random(2)
    plain = dict.fromkeys(facets.SOURCE_COLUMNS)
    for number in range(rows):
        name, sort_name, texts = dice.choice(people)
        said = {
            **plain,
            "kind": "P",
            "cert_type": "ID",
            "cert_no": f"33010219{70 + number % 30}0101{number % 10_000:04d}",
            "mobile": f"139{dice.randrange(10**8):08d}",
            "open_date": DAY - timedelta(days=dice.randrange(7_000)),
            "status": "ACTIVE",
        }
        own = {
            "id": FIRST + number,
            "party_id": f"P{FIRST + number:010d}",
            "legal_entity": "JQ",
            "home_org_id": dice.choice(orgs),
            "name": name,
            "sort_name": sort_name,
            "source_hash": "",
            "source_date": DAY,
            "version": 1,
        }
        yield {**facets.columns_of(said), **own}, texts


def fill(environment: dict[str, str], rows: int) -> float:
    """Add that many customers past the intake, which would read and compare each; the seconds it took."""
    os.environ.update(environment)
    from sqlalchemy import select

    from core.app import create_app
    from core.db.session import system_session
    from core.orgs.models import Organisation
    from plugins.customers.models import NameEntry, Party, Xref

    began = time.perf_counter()
    app = create_app()
    with app.app_context(), system_session("bench") as session:
        orgs = list(session.scalars(select(Organisation.id)))
        made = parties(rows, orgs)
        while batch := [one for _, one in zip(range(BATCH), made, strict=False)]:
            add(session, Party.__table__, [party for party, _ in batch])
            refs = [
                {"source": "bench", "source_cust_id": f"B{party['id']}", "legal_entity": "JQ", "party_id": party["id"]}
                for party, _ in batch
            ]
            add(session, Xref.__table__, [{**ref, "valid_from": DAY} for ref in refs])
            found_by = [{"party_id": party["id"], "text": text} for party, texts in batch for text in texts]
            add(session, NameEntry.__table__, found_by)
            session.commit()
        _tidy(session)
        _allow_many(session)
    return time.perf_counter() - began


def add(session: Any, table: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns; on PostgreSQL with COPY, which takes a fraction of the time."""
    from sqlalchemy import insert

    connection = session.connection()
    if connection.dialect.name != "postgresql":
        session.execute(insert(table), rows)
        return
    names = list(rows[0])
    how = [table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for name in names]
    into = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    with connection.connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row([bound(row[name]) if bound else row[name] for name, bound in zip(names, how, strict=True)])


def _tidy(session: Any) -> None:
    """What autovacuum would have done in the background: without it PostgreSQL reads no row from an index alone."""
    from sqlalchemy import text

    engine = session.get_bind()
    session.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE"))


def _allow_many(session: Any) -> None:
    """The benchmark searches by the last four more often than a person may."""
    from core import parameters

    parameters.set(session, "customers.last_four_per_hour", 1_000, "bench", "benchmark")
    session.commit()


def settled(client: Client, path: str) -> str:
    """The address a search stands at in the end: numbers are replaced by a reference."""
    return client.get(path).location or path


def deep(client: Client, sort: str, query: str) -> str:
    """Address of a page in the middle of the whole list: the place behind a page of a search, without the search."""
    page = client.get(settled(client, "/customers/?" + urlencode({"sort": sort, "q": query}))).body.decode()
    found = re.search(r'href="([^"]+)" aria-label="(?:Next page|下一页)"', page)
    if not found:
        raise SystemExit(f"the search for {query} has one page only")
    kept = [(k, v) for k, v in parse_qsl(found.group(1).replace("&amp;", "&").partition("?")[2]) if k != "q"]
    return "/customers/?" + urlencode(kept)


def questions(client: Client, rows: int) -> dict[str, list[str]]:
    """What is asked, each with several addresses so that no answer is simply the last one again."""
    middle = FIRST + rows // 2
    asked = {
        "name": ["李", "王伟", "明", "陈静", "国强"],
        "initials": ["lm", "ww", "zj", "cgq", "wxy"],
        "pinyin": ["lim", "wangwei", "zhangjie", "chen", "guoqiang"],
        "number": [f"P{middle + i:010d}" for i in range(5)],
        "last_four": ["5678", "0123", "4321", "9999", "1357"],
        "nobody": ["zzzz", "龘", "qqqxx"],
    }
    found = {
        kind: [settled(client, "/customers/?" + urlencode({"q": q})) for q in some] for kind, some in asked.items()
    }
    found["list"] = ["/customers/", "/customers/?sort=-name", "/customers/?sort=opened", "/customers/?sort=-number"]
    found["filtered"] = ["/customers/?kind=P", "/customers/?kind=P&sort=-opened"]
    found["deep"] = [deep(client, "name", "李"), deep(client, "number", f"P{middle:010d}"[:-3])]
    return found


def measure(environment: dict[str, str], rows: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of each kind of page for each kind of user."""
    result: dict[str, Any] = {}
    with serving(environment, "--no-scheduler") as server:
        for who in ("retail", "rm02"):
            client = Client(server.port).sign_in(who)
            for kind, pages in questions(client, rows).items():
                timed(1, partial(client.get, pages[0]))  # the first one compiles the statement
                turns = [pages[i % len(pages)] for i in range(rounds)]
                result[f"{who} {kind}"] = summary([timed(1, partial(client.get, page))[0] for page in turns])
    return result


def own_server(folder: Path) -> str:
    """A PostgreSQL server that ends with this process."""
    from core.sdk.testing import postgres

    postgres.start(folder, os.getpid())
    return postgres.url(folder)


def main() -> None:
    """Run and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--db", default="sqlite", choices=["sqlite", "postgresql"])
    arguments.add_argument("--rounds", type=int, default=30)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as cluster:
        url = ""
        if given.db == "postgresql":
            url = os.environ.get("CRM_DATABASE_URL") or own_server(Path(cluster))
        environment = prepare(Path(place), "1k", url)
        seconds = fill(environment, given.rows)
        report(
            {"rows": given.rows, "db": given.db, "filled_in_seconds": round(seconds)}
            | measure(environment, given.rows, given.rounds)
        )


if __name__ == "__main__":
    main()
