"""sqlite3 in memory and on a mount: `/data` (rwc)."""

import sqlite3

memory = sqlite3.connect(":memory:")
memory.execute("create table t (a integer, b text)")
memory.executemany("insert into t values (?, ?)", [(n, str(n)) for n in range(1000)])
assert memory.execute("select sum(a), max(b) from t").fetchone() == (499500, "999")

with sqlite3.connect("/data/kept.db") as first:
    first.execute("create table t (a)")
    first.execute("insert into t values (1)")
second = sqlite3.connect("/data/kept.db")
assert second.execute("select count(*) from t").fetchone() == (1,)
try:
    with first:
        first.execute("insert into t values (2)")
        raise KeyError
except KeyError:
    pass
assert second.execute("select count(*) from t").fetchone() == (1,)
first.execute("insert into t values (3)")
first.commit()
assert second.execute("select a from t order by a").fetchall() == [(1,), (3,)]
second.execute("vacuum")
temporary = sqlite3.connect("/tmp/other.db")
first.backup(temporary)
assert temporary.execute("select count(*) from t").fetchone() == (2,)
print("ok")
