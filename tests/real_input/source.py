"""The trading company's files as plain records: who it sells to, who sells, and what was ordered.

The files are as they were exported: NULL means absent, and an address with a comma in it is not quoted, so that its
row has a cell too many. Nothing here knows the service.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

DEFAULT_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "northwind"
"""Beside the checkout."""

FILES = ("customers.csv", "employees.csv", "orders.csv", "order-details.csv", "products.csv")
CENT = Decimal("0.01")


class DataMissing(Exception):
    """The folder or one of its files is not there; the text says which."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with its one contact."""

    id: str
    name: str
    contact: str
    contact_title: str
    city: str
    region: str | None
    country: str
    """As the file writes it, in English: Germany, UK."""
    phone: str | None


@dataclass(frozen=True, slots=True)
class Employee:
    """One of our sales people."""

    id: str
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an order; `discount` is a share of 1."""

    category: str
    price: Decimal
    quantity: int
    discount: Decimal

    @property
    def list_value(self) -> Decimal:
        """What it would cost without discount."""
        return self.price * self.quantity

    @property
    def revenue(self) -> Decimal:
        """What it was sold for, to the cent, without freight."""
        return (self.list_value * (1 - self.discount)).quantize(CENT)


@dataclass(frozen=True, slots=True)
class Order:
    """An order; `shipped` is None while it has not left us."""

    id: str
    customer: str
    employee: str
    ordered: date
    required: date
    shipped: date | None
    lines: tuple[Line, ...]

    @property
    def revenue(self) -> Decimal:
        """The sum of its lines."""
        return sum((line.revenue for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Company:
    """Everything the files say, each list in the order of its file."""

    customers: tuple[Customer, ...]
    employees: tuple[Employee, ...]
    orders: tuple[Order, ...]

    @property
    def today(self) -> date:
        """The day the files were written: that of the last order."""
        return max(order.ordered for order in self.orders)


def read_company(folder: Path = DEFAULT_FOLDER) -> Company:
    """Read the folder. Raises DataMissing when it, or a file of it, is not there."""
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise DataMissing(f"{folder} has no {', '.join(missing)}")
    customers = tuple(_customer(row) for row in _rows(folder / "customers.csv", wide="address"))
    employees = tuple(
        Employee(row["employeeID"], f"{row['firstName']} {row['lastName']}", row["title"])
        for row in _rows(folder / "employees.csv")
    )
    lines = _lines(folder)
    orders = tuple(_order(row, lines) for row in _rows(folder / "orders.csv", wide="shipAddress"))
    return Company(customers, employees, orders)


def _rows(path: Path, wide: str = "") -> Iterator[dict[str, str]]:
    """The rows by column name; the cells that are too many belong to the column `wide`, cut at its commas."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        for cells in reader:
            if extra := len(cells) - len(header):
                start = header.index(wide)
                cells[start : start + extra + 1] = [",".join(cells[start : start + extra + 1])]
            yield dict(zip(header, cells, strict=True))


def _customer(row: dict[str, str]) -> Customer:
    return Customer(
        id=row["customerID"],
        name=row["companyName"],
        contact=row["contactName"],
        contact_title=row["contactTitle"],
        city=row["city"],
        region=_known(row["region"]),
        country=row["country"],
        phone=_known(row["phone"]),
    )


def _lines(folder: Path) -> dict[str, list[Line]]:
    """The lines of every order."""
    categories = {row["productID"]: row["categoryID"] for row in _rows(folder / "products.csv")}
    lines: dict[str, list[Line]] = {}
    for row in _rows(folder / "order-details.csv"):
        category, quantity = categories[row["productID"]], int(row["quantity"])
        line = Line(category, Decimal(row["unitPrice"]), quantity, Decimal(row["discount"]))
        lines.setdefault(row["orderID"], []).append(line)
    return lines


def _order(row: dict[str, str], lines: dict[str, list[Line]]) -> Order:
    shipped = _known(row["shippedDate"])
    return Order(
        id=row["orderID"],
        customer=row["customerID"],
        employee=row["employeeID"],
        ordered=_day(row["orderDate"]),
        required=_day(row["requiredDate"]),
        shipped=None if shipped is None else _day(shipped),
        lines=tuple(lines.get(row["orderID"], ())),
    )


def _known(value: str) -> str | None:
    return None if value in ("NULL", "") else value


def _day(value: str) -> date:
    """The day of `1998-05-06 00:00:00.000`."""
    return date.fromisoformat(value[:10])
