"""Golden Parquet files, written by Apache Arrow: every packing, several row groups, nulls, lists of messages. And their rows."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

GOLDEN = Path(__file__).resolve().parents[2] / "test/compute/tasks/golden"

TEXTS = [f"Row {i}: " + ["naïve", "tea", "𝄞", "a\nb", ""][i % 5] * (i % 4) for i in range(23)]
MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])


def pairs():
    return pa.table(
        {
            "id": pa.array(range(23), pa.int64()),
            "instruction": [f"Say {i}." for i in range(23)],
            "input": [None if i % 2 else f"loudly {i}" for i in range(23)],
            "output": TEXTS,
        }
    )


def chats():
    return pa.table(
        {
            "messages": pa.array(
                [
                    [{"role": "user", "content": f"Is {i} even?"}, {"role": "assistant", "content": "no" if i % 2 else "yes"}]
                    for i in range(7)
                ],
                pa.list_(MESSAGE),
            ),
            "nested": pa.array([{"text": "x"}] * 7, pa.struct([("text", pa.string())])),
        }
    )


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for packing in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
        pq.write_table(pairs(), GOLDEN / f"pairs-{packing}.parquet", compression=packing, row_group_size=10)
    pq.write_table(
        pairs(),
        GOLDEN / "pairs-pages2.parquet",
        compression="zstd",
        data_page_version="2.0",
        use_dictionary=False,
        column_encoding={"output": "DELTA_BYTE_ARRAY"},
    )
    pq.write_table(chats(), GOLDEN / "chats.parquet", compression="snappy", row_group_size=3)
    rows = {"pairs": pairs().to_pylist(), "chats": [row["messages"] for row in chats().to_pylist()]}
    (GOLDEN / "parquetRows.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
