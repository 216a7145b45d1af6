"""Tab-separated values: the cells of some columns. Quotes are text, as in corpora of this form."""

from collections.abc import Sequence

from translator.documents.pieces import DocumentError, Skeleton, Slot
from translator.documents.plain import LINE

MOST_DIGITS = 9  # of the number of a column


def read(text: str, columns: Sequence[str]) -> Skeleton:
    """Finds the cells of columns.

    Args:
        text: lines of cells with tabs between them.
        columns: names in the first line, which then stays as it is, or numbers from 1 on.

    Raises:
        DocumentError: a column is not there.
    """
    rows = list(LINE.finditer(text))
    header = rows[0][0].split("\t") if rows else []
    by_number = all(column.isdecimal() for column in columns)
    if by_number and len(longest := max(columns, key=len)) > MOST_DIGITS:
        raise DocumentError(f"--columns {longest:.{MOST_DIGITS}}… is not a column number; columns count from 1")
    numbers = {int(column) if by_number else _number(column, header) for column in columns}
    if min(numbers) < 1:
        raise DocumentError("--columns are counted from 1 on; found 0")
    slots = []
    for line, row in enumerate(rows[0 if by_number else 1 :], 1 if by_number else 2):
        at = row.start()
        cells = row[0].split("\t")
        if (most := max(numbers)) > len(cells):
            raise DocumentError(f"line {line} has {len(cells)} columns; --columns asks for column {most}")
        for number, cell in enumerate(cells, 1):
            if number in numbers and cell.strip():
                slots.append(Slot(at, at + len(cell), [cell]))
            at += len(cell) + 1
    return Skeleton(text, slots)


def _number(name: str, header: Sequence[str]) -> int:
    if name in header:
        return header.index(name) + 1
    raise DocumentError(f"--columns {name!r} is not in the first line, which has {', '.join(map(repr, header))}")
