"""Threads and messages, in one SQLite file that all tasks share: what PostgreSQL is in production.

A turn is a user's message (slot 0) and two replies (slots 1 and 2). (thread, turn, slot) is the key, and a client's id
names a message once in a thread: so a repeated request, also on another task, adds nothing twice.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import urandom

SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (id TEXT PRIMARY KEY, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
  thread TEXT NOT NULL, turn INTEGER NOT NULL, slot INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL,
  client_id TEXT, created REAL NOT NULL, PRIMARY KEY (thread, turn, slot), UNIQUE (thread, client_id));
"""
BUSY_SECONDS = 5.0


class Store:
    def __init__(self, path: str) -> None:
        """Opens or creates the file. Raises sqlite3.OperationalError when it stays locked."""
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # SQLite does not wait for a lock while it changes the journal mode: the tasks of a service start together.
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.executescript(SCHEMA)
                break
            except sqlite3.OperationalError:
                if time.monotonic() > end:
                    raise
                threading.Event().wait(0.02)
        # Safe when a process dies; only a crash of the machine could lose the last writes, and the bed with it.
        self._db.execute("PRAGMA synchronous=OFF")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def create_thread(self) -> str:
        thread = urandom(8).hex()
        with self._transaction() as db:
            db.execute("INSERT INTO threads VALUES (?, ?)", (thread, time.time()))
        return thread

    def restore(self, thread: str, wipe: bool) -> bool:
        """Whether the thread was there. It is created anew only if not, or if `wipe` (the defect) says so."""
        with self._transaction() as db:
            found = db.execute("SELECT 1 FROM threads WHERE id = ?", (thread,)).fetchone() is not None
            if wipe:
                db.execute("DELETE FROM messages WHERE thread = ?", (thread,))
            if not found:
                db.execute("INSERT INTO threads VALUES (?, ?)", (thread, time.time()))
        return found

    def begin_turn(self, thread: str, text: str, client_id: str | None) -> int | None:
        """Store a user's message; its turn, or the turn of the same client_id. None: there is no such thread."""
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM threads WHERE id = ?", (thread,)).fetchone() is None:
                return None
            query = "SELECT turn FROM messages WHERE thread = ? AND client_id = ?"
            if client_id and (row := db.execute(query, (thread, client_id)).fetchone()):
                return int(row[0])
            last = db.execute("SELECT coalesce(max(turn), 0) FROM messages WHERE thread = ?", (thread,)).fetchone()
            turn = int(last[0]) + 1
            row = (thread, turn, 0, "user", text, client_id or None, time.time())
            db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return turn

    def add_reply(self, thread: str, turn: int, slot: int, agent: str, text: str) -> None:
        """Adds nothing when another task has answered this turn meanwhile, or when the turn is gone."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO messages SELECT ?, ?, ?, ?, ?, NULL, ? "
                "WHERE EXISTS (SELECT 1 FROM messages WHERE thread = ? AND turn = ? AND slot = 0)",
                (thread, turn, slot, agent, text, time.time(), thread, turn),
            )

    def said(self, thread: str, turn: int) -> list[str]:
        """The user's texts up to a turn, oldest first."""
        query = "SELECT text FROM messages WHERE thread = ? AND slot = 0 AND turn <= ? ORDER BY turn"
        with self._lock:
            return [row[0] for row in self._db.execute(query, (thread, turn))]

    def replies(self, thread: str, turn: int) -> dict[int, dict[str, str]]:
        """{slot: {"agent": name, "text": text}} of one turn."""
        query = "SELECT slot, author, text FROM messages WHERE thread = ? AND turn = ? AND slot > 0"
        with self._lock:
            return {row[0]: {"agent": row[1], "text": row[2]} for row in self._db.execute(query, (thread, turn))}

    def history(self, thread: str) -> list[dict[str, object]] | None:
        """Every message, oldest first; None when there is no such thread."""
        query = "SELECT turn, author, text, client_id FROM messages WHERE thread = ? ORDER BY turn, slot"
        with self._lock:
            if self._db.execute("SELECT 1 FROM threads WHERE id = ?", (thread,)).fetchone() is None:
                return None
            rows = self._db.execute(query, (thread,)).fetchall()
        return [{"turn": t, "author": author, "text": text, "client_id": client} for t, author, text, client in rows]
