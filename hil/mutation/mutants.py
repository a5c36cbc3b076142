"""All small faults that a source file could have: one changed operator, number or call each.

Pure but for `Mutant.apply`, which changes the tree that it came from. Left alone is what tests
cannot or need not judge: annotations, class headers, decorators, docstrings, assertions (they
narrow types), `strict=`, the values of an enumeration, the words of errors and every string with
a space in it.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_OPPOSITE = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil"}
_TYPES = frozenset({"int", "float", "str", "bool", "tuple", "list", "dict", "Callable"})
LONG = 90
NEAR = 25
"""Characters: of what is longer than the one, the other is shown to both sides of a change."""
_UNTOUCHED = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)
_HEADER = ("annotation", "returns", "decorator_list", "bases", "keywords")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node hangs in the tree."""

    owner: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


class Mutant(NamedTuple):
    """One fault. `name` is its identity: it does not change with code elsewhere in the file."""

    name: str
    function: str | None
    """In which it is; None: it is there from the import on."""
    line: int
    place: Place
    node: ast.AST

    def apply(self) -> None:
        """Put the fault into the tree that this mutant was found in."""
        self.place.put(ast.fix_missing_locations(self.node))


class _Site(NamedTuple):
    where: str
    in_function: bool
    place: Place
    node: ast.AST
    shown: Place
    """The part of the source by which a person recognises the change."""
    shown_node: ast.AST


def find(path: str, tree: ast.Module) -> list[Mutant]:
    """All mutants of `tree` in the order of the source; `path` begins their names."""
    seen: Counter[str] = Counter()
    mutants = []
    for site in _sites(tree, "", None, in_function=False):
        for fault in _faults(site.node, site.place.owner):
            ast.copy_location(fault, site.node)
            name = f"{path} {site.where or 'module'}: {_words(site, fault)}"
            seen[name] += 1
            nth = f" (#{seen[name]})" if seen[name] > 1 else ""
            line = getattr(site.node, "lineno", 0)
            function = site.where if site.in_function else None
            mutants.append(Mutant(name + nth, function, line, site.place, fault))
    return mutants


def _words(site: _Site, fault: ast.AST) -> str:
    before = ast.unparse(site.shown_node)
    if site.shown_node is site.node:
        return _change(before, ast.unparse(fault))
    site.place.put(fault)
    after = ast.unparse(site.shown_node)
    site.place.put(site.node)
    return _change(before, after)


def _change(before: str, after: str) -> str:
    """Both on one line, and of long ones only what is near the difference."""
    before, after = " ".join(before.split()), " ".join(after.split())
    if len(before) > LONG:
        start = _same(before, after)
        end = _same(reversed(before[start:]), reversed(after[start:]))
        before, after = _near(before, start, end), _near(after, start, end)
    return f"{before} => {after}"


def _same(one: Iterable[str], other: Iterable[str]) -> int:
    """With how many equal characters both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _near(text: str, start: int, end: int) -> str:
    """`text` from a little before `start` to a little after its last `end` characters begin."""
    first, last = max(0, start - NEAR), min(len(text), len(text) - end + NEAR)
    return f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"


def _sites(
    owner: ast.AST, where: str, shown: tuple[Place, ast.AST] | None, *, in_function: bool
) -> Iterator[_Site]:
    """Every node below `owner` that may be changed."""
    for place, node in _children(owner):
        if isinstance(node, _UNTOUCHED) or _is_docstring(node) or _is_type(node) or _is_fixed(node):
            continue
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            name = f"{where}.{node.name}".lstrip(".")
            inside = in_function or isinstance(node, ast.FunctionDef)
            yield from _sites(node, name, None, in_function=inside)
            continue
        if isinstance(node, ast.Constant) and shown is not None:
            yield _Site(where, in_function, place, node, *shown)
            continue
        name = _named(node, where)
        yield _Site(name, in_function, place, node, place, node)
        if isinstance(node, ast.Raise):
            continue
        context = (place, node) if _is_short(node) else shown
        yield from _sites(node, name, context, in_function=in_function)


def _children(owner: ast.AST) -> Iterator[tuple[Place, ast.AST]]:
    for field, value in ast.iter_fields(owner):
        if field in _HEADER and not isinstance(owner, (ast.Call, ast.keyword)):
            continue
        if isinstance(value, ast.AST):
            yield Place(owner, field, None), value
        elif isinstance(value, list):
            for index, node in enumerate(value):
                if isinstance(node, ast.AST):
                    yield Place(owner, field, index), node


def _named(node: ast.AST, where: str) -> str:
    """A table of the module is called by its name."""
    if where == "" and isinstance(node, (ast.Assign, ast.AnnAssign)):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return ast.unparse(target)
    return where


def _is_short(node: ast.AST) -> bool:
    """Is it little enough to be shown whole for a number that is changed in it?"""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Call)):
        return (node.end_lineno or 0) - node.lineno <= 4
    if isinstance(node, (ast.expr, ast.keyword)):
        return not isinstance(node, ast.UnaryOp)
    return not hasattr(node, "body")


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_fixed(node: ast.AST) -> bool:
    """An enumeration (its names count, not its values), or `strict=`."""
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base).endswith("Enum") for base in node.bases)
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _is_type(node: ast.AST) -> bool:
    """`int | None`, `tuple[int, ...]` and the like, wherever they stand."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = (node.left, node.right)
        return any(_is_type(s) or (isinstance(s, ast.Constant) and s.value is None) for s in sides)
    if isinstance(node, ast.Subscript):
        return _is_type(node.value)
    return isinstance(node, ast.Name) and node.id in _TYPES


def _faults(node: ast.AST, owner: ast.AST) -> Iterator[ast.AST]:
    """What could stand at `node`, which hangs under `owner`, instead."""
    if isinstance(node, ast.Compare):
        yield from _compared(node)
    elif isinstance(node, ast.BoolOp):
        yield from _without_operand(node)
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        if (other := _ARITHMETIC.get(type(node.op))) is not None:
            yield _changed(node, op=other())
    elif isinstance(node, ast.UnaryOp):
        if not isinstance(node.operand, ast.Constant) or isinstance(node.op, ast.Not):
            yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node)
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)
    elif isinstance(node, ast.Set) or (
        isinstance(node, (ast.List, ast.Tuple)) and isinstance(node.ctx, ast.Load)
    ):
        yield from _without_element(node, owner)
    elif isinstance(node, ast.stmt):
        yield from _other_statements(node)
    elif isinstance(node, (ast.IfExp, ast.comprehension)):
        yield from _other_conditions(node)


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    """A copy of `node` alone (it shares what hangs below) with other `fields`."""
    changed = copy.copy(node)
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for i, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            yield _changed(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])


def _without_operand(node: ast.BoolOp) -> Iterator[ast.AST]:
    """An operand that makes no difference is one that may be left out; this covers and <-> or."""
    for i in range(len(node.values)):
        rest = [*node.values[:i], *node.values[i + 1 :]]
        yield rest[0] if len(rest) == 1 else _changed(node, values=rest)


def _other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and value and " " not in value:
        yield ast.Constant(f"{value}_")


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    function = node.func
    if isinstance(function, ast.Name) and function.id in _OPPOSITE:
        yield _changed(node, func=ast.Name(_OPPOSITE[function.id], ast.Load()))
    elif isinstance(function, ast.Attribute) and function.attr in _OPPOSITE:
        yield _changed(node, func=_changed(function, attr=_OPPOSITE[function.attr]))
    for i, keyword in enumerate(node.keywords):
        if keyword.arg not in (None, "strict"):
            yield _changed(node, keywords=[*node.keywords[:i], *node.keywords[i + 1 :]])


def _without_element(node: ast.Set | ast.List | ast.Tuple, owner: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Tuple) and not isinstance(
        owner, (ast.Call, ast.keyword, ast.AnnAssign, ast.Dict)
    ):
        return  # a pair that is returned or taken apart: no test is needed to see it broken
    for i in range(len(node.elts)):
        yield _changed(node, elts=[*node.elts[:i], *node.elts[i + 1 :]])


def _other_statements(node: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(node, (ast.Raise, ast.Expr, ast.Continue)):
        yield ast.Pass()
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Assign) and isinstance(
        node.targets[0], (ast.Attribute, ast.Subscript)
    ):
        yield ast.Pass()
    elif isinstance(node, (ast.If, ast.While)):
        yield from _other_conditions(node)
    elif isinstance(node, ast.Return) and isinstance(
        node.value, (ast.Name, ast.Attribute, ast.Call)
    ):
        yield _changed(node, value=ast.Constant(None))


def _other_conditions(
    node: ast.If | ast.While | ast.IfExp | ast.comprehension,
) -> Iterator[ast.AST]:
    """The opposite condition, where no operator in it will be turned round already."""
    if isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield _changed(node, ifs=[*node.ifs[:i], *node.ifs[i + 1 :]])
    elif isinstance(node.test, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
        yield _changed(node, test=ast.UnaryOp(ast.Not(), node.test))
