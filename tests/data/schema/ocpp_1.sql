-- ocpp.db as the first schema left it with one delivered and one waiting record; never changed.
PRAGMA user_version = 1;
CREATE TABLE item (
  kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE record (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session TEXT NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
  UNIQUE (session, kind, seq)
);
CREATE INDEX record_open ON record (id) WHERE done = 0;
INSERT INTO item VALUES ('journal', 'seq', CAST('9' AS BLOB));
INSERT INTO item VALUES ('availability', '1', CAST('false' AS BLOB));
