"""Tables as others read and write them, beside Kafi.

    frames.py read FOLDER    prints what each library finds in the files that Kafi wrote there
    frames.py write FOLDER   writes the same table with each library, for Kafi to read
"""

import datetime
import decimal
import sys
from pathlib import Path

import duckdb
import openpyxl
import pandas
import polars
import pyarrow
import pyarrow.csv
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
from lxml import etree

UTC = datetime.timezone.utc
AT = datetime.datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)

# What every library is given: a row that is full, and one with nulls.
COLUMNS = {
    "id": [9007199254740993, 2],
    "ratio": [0.1, None],
    "price": [decimal.Decimal("19.90"), None],
    "ok": [True, None],
    "name": ['ä, "b"\n', ""],
    "at": [AT, None],
    "day": [datetime.date(2026, 1, 2), None],
    "raw": [b"\xff\x00", None],
    "tags": [["a", "b"], []],
    "inner": [{"x": 1}, None],
}


def shown(value):
    """A value as text that does not depend on the library."""
    if hasattr(value, "tolist") and not isinstance(value, (str, bytes)):
        value = value.tolist()
    if isinstance(value, (list, dict, tuple)):
        return repr(value)
    try:
        if pandas.isna(value):
            return "null"
    except (TypeError, ValueError):
        pass
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return repr(value) if isinstance(value, (str, bytes)) else str(value)


def tell(library, kind, table):
    """Prints each column with its type, and its values."""
    for name, (column_type, values) in table.items():
        print(f"{library} {kind} {name}: {column_type} = {', '.join(shown(value) for value in values)}")


def of_pandas(frame):
    return {name: (str(frame[name].dtype), list(frame[name])) for name in frame.columns}


def of_arrow(table):
    return {name: (str(table.schema.field(name).type), table.column(name).to_pylist()) for name in table.column_names}


def of_polars(frame):
    return {name: (str(frame[name].dtype), frame[name].to_list()) for name in frame.columns}


def of_duckdb(query):
    relation = duckdb.sql(query)
    rows = relation.fetchall()
    columns = zip(relation.columns, relation.types, strict=True)
    return {name: (str(kind), [row[at] for row in rows]) for at, (name, kind) in enumerate(columns)}


def of_openpyxl(path):
    head, *rows = openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True)
    # What is empty at the end of a row is not there.
    return {name: ("cell", [row[at] if at < len(row) else None for row in rows]) for at, name in enumerate(head)}


def of_lxml(path):
    rows = etree.parse(path).getroot().findall("row")
    names = dict.fromkeys(column.tag for row in rows for column in row)
    return {name: ("element", [row.findtext(name) for row in rows]) for name in names}


def read(folder):
    path = lambda suffix: str(folder / f"t.{suffix}")
    tell("pandas", "csv", of_pandas(pandas.read_csv(path("csv"), dtype_backend="numpy_nullable")))
    tell("pandas", "json", of_pandas(pandas.read_json(path("jsonl"), lines=True, dtype_backend="pyarrow")))
    tell("pandas", "xml", of_pandas(pandas.read_xml(path("xml"), dtype_backend="numpy_nullable")))
    tell("pandas", "xlsx", of_pandas(pandas.read_excel(path("xlsx"))))
    tell("pandas", "parquet", of_pandas(pandas.read_parquet(path("parquet"), dtype_backend="pyarrow")))
    tell("pandas", "feather", of_pandas(pandas.read_feather(path("feather"), dtype_backend="pyarrow")))
    tell("pandas", "orc", of_pandas(pandas.read_orc(path("orc"), dtype_backend="pyarrow")))
    tell("pyarrow", "csv", of_arrow(pyarrow.csv.read_csv(path("csv"), parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))))
    tell("pyarrow", "parquet", of_arrow(pyarrow.parquet.read_table(path("parquet"))))
    tell("pyarrow", "feather", of_arrow(pyarrow.feather.read_table(path("feather"))))
    tell("pyarrow", "orc", of_arrow(pyarrow.orc.read_table(path("orc"))))
    tell("polars", "csv", of_polars(polars.read_csv(path("csv"))))
    tell("polars", "json", of_polars(polars.read_ndjson(path("jsonl"))))
    tell("polars", "parquet", of_polars(polars.read_parquet(path("parquet"))))
    tell("polars", "feather", of_polars(polars.read_ipc(path("feather"))))
    tell("duckdb", "csv", of_duckdb(f"from read_csv('{path('csv')}')"))
    tell("duckdb", "json", of_duckdb(f"from read_json('{path('jsonl')}')"))
    tell("duckdb", "parquet", of_duckdb(f"set timezone = 'UTC'; from '{path('parquet')}'"))
    tell("openpyxl", "xlsx", of_openpyxl(path("xlsx")))
    tell("lxml", "xml", of_lxml(path("xml")))


def write(folder):
    path = lambda library, suffix: str(folder / f"{library}.{suffix}")
    table = pyarrow.table(
        COLUMNS,
        schema=pyarrow.schema(
            [
                ("id", pyarrow.int64()),
                ("ratio", pyarrow.float64()),
                ("price", pyarrow.decimal128(9, 2)),
                ("ok", pyarrow.bool_()),
                ("name", pyarrow.string()),
                ("at", pyarrow.timestamp("us", "UTC")),
                ("day", pyarrow.date32()),
                ("raw", pyarrow.binary()),
                ("tags", pyarrow.list_(pyarrow.string())),
                ("inner", pyarrow.struct([("x", pyarrow.int64())])),
            ]
        ),
    )
    flat = table.drop_columns(["raw", "tags", "inner"])
    frame = table.to_pandas(types_mapper=pandas.ArrowDtype)
    simple = flat.to_pandas(types_mapper=pandas.ArrowDtype)
    simple.to_csv(path("pandas", "csv"))
    simple.to_json(path("pandas", "json"), date_format="iso")
    simple.to_json(path("pandas", "jsonl"), orient="records", lines=True, date_format="iso")
    simple.to_xml(path("pandas", "xml"))
    # It refuses points in time with a zone.
    simple.assign(at=[AT.replace(tzinfo=None), None]).to_excel(path("pandas", "xlsx"))
    frame.to_parquet(path("pandas", "parquet"))
    frame.to_feather(path("pandas", "feather"))
    frame.to_orc(path("pandas", "orc"))
    pyarrow.csv.write_csv(flat, path("pyarrow", "csv"))
    pyarrow.parquet.write_table(table, path("pyarrow", "parquet"), compression="zstd")
    pyarrow.feather.write_feather(table, path("pyarrow", "feather"), compression="zstd")
    pyarrow.orc.write_table(table, path("pyarrow", "orc"), compression="zstd")
    rows = polars.from_arrow(table)
    rows.drop(["raw", "tags", "inner"]).write_csv(path("polars", "csv"))
    rows.drop("raw").write_ndjson(path("polars", "jsonl"))
    rows.write_parquet(path("polars", "parquet"))
    rows.write_ipc(path("polars", "feather"), compression="lz4")
    duckdb.sql(f"set timezone = 'UTC'; copy flat to '{path('duckdb', 'csv')}'")
    duckdb.sql(f"copy (select * exclude (raw) from \"table\") to '{path('duckdb', 'jsonl')}' (format json)")
    duckdb.sql(f"copy \"table\" to '{path('duckdb', 'parquet')}'")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    sheet.append(list(flat.column_names))
    for row in flat.to_pylist():
        sheet.append([value.replace(tzinfo=None) if isinstance(value, datetime.datetime) else value for value in row.values()])
    book.save(path("openpyxl", "xlsx"))
    root = etree.Element("rows")
    for row in flat.to_pylist():
        element = etree.SubElement(root, "row")
        for name, value in row.items():
            etree.SubElement(element, name).text = None if value is None else str(value)
    etree.ElementTree(root).write(path("lxml", "xml"), encoding="utf-8", xml_declaration=True, pretty_print=True)


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](Path(sys.argv[2]))
