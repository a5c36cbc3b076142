"""Where the link may be killed: around every frame and around everything that its disk does."""

from __future__ import annotations

from ocpp_link.memory.database import Database
from ocpp_link.records import StoredRecord, TxRecord


class Cut(BaseException):
    """The process is gone at this point. Nothing in the product may catch it."""


class Knife:
    """Counts the points that are passed; kills at the one that was chosen (from 1; None = at
    none)."""

    def __init__(self, at: int | None = None) -> None:
        self._at = at
        self.passed = 0
        self.cut_at = ""
        """Where it was, once it has happened."""

    def point(self, where: str) -> None:
        self.passed += 1
        if self.passed == self._at:
            self.cut_at = where
            raise Cut(where)


class CutDatabase(Database):
    """A database whose owner may die before and after each statement and each commit."""

    def __init__(self, knife: Knife) -> None:
        super().__init__(":memory:")
        self.knife = knife

    def begin(self) -> None:
        self.knife.point("before begin")
        super().begin()

    def commit(self) -> None:
        self.knife.point("before commit")
        super().commit()
        self.knife.point("after commit")

    def put(self, kind: str, name: str, body: bytes) -> None:
        super().put(kind, name, body)
        self.knife.point(f"after put {kind}")

    def append(self, record: TxRecord) -> StoredRecord | None:
        stored = super().append(record)
        self.knife.point(f"after append {record.kind}")
        return stored

    def deliver(self, row: int) -> None:
        super().deliver(row)
        self.knife.point("after deliver")
