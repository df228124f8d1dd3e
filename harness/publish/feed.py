"""feed.xml: the newest runs as an Atom feed. All dates are those of runs, so that the same runs give the same bytes."""
from __future__ import annotations

import uuid
from html import escape

from base.errors import printable

TITLE = "Local models on local machines: newest runs"
NEWEST = 50
FEED_ID = uuid.uuid5(uuid.NAMESPACE_OID, "feed of the catalogue of local models on local machines").urn
NOTHING_YET = "2026-11-24T00:00:00Z"


def data(document: dict) -> bytes:
    """The file; document is a `catalogue` record. Links are relative to the feed."""
    rows = document["runs"][:NEWEST]
    title = TITLE + (" (SYNTHETIC: no machine was measured)" if document["synthetic"] else "")
    parts = ['<?xml version="1.0" encoding="utf-8"?>', '<feed xmlns="http://www.w3.org/2005/Atom">', f"<id>{FEED_ID}</id>",
             f"<title>{title}</title>", f"<updated>{max(map(_updated, rows), default=NOTHING_YET)}</updated>",
             '<link rel="self" type="application/atom+xml" href="feed.xml"/>',
             '<link rel="alternate" type="text/html" href="index.html"/>',
             "<rights>CC-BY-4.0</rights>", *(line for row in rows for line in _entry(row)), "</feed>"]
    return ("\n".join(parts) + "\n").encode("utf-8")


def _entry(row: dict) -> list:
    names = ", ".join(model["model"] for model in row["models"])
    return ["<entry>", f"<id>urn:uuid:{row['run_id']}</id>", f"<title>{_text(row['device_tag'])}: {_text(names)}</title>",
            f"<updated>{_updated(row)}</updated>", f"<published>{_text(row['started_at'])}</published>",
            f"<author><name>{_text(row['handle'])}</name></author>",
            f'<link rel="alternate" type="text/html" href="{_text(row["page"])}"/>',
            f"<summary>{_text(_summary(row))}</summary>", "</entry>"]


def _updated(row: dict) -> str:
    return _text(row["ended_at"] or row["started_at"])


def _summary(row: dict) -> str:
    figures = [f"{model['model']}: {model['decode_tok_s']['median']} tok/s (n={model['decode_tok_s']['n']})"
               for model in row["models"] if model["decode_tok_s"]]
    unmet = f", since {row['unmet']['observed']}" if row["unmet"] else ""
    return f"{'; '.join(figures) or 'no decode rate'}. Grade {row['site_grade']}{unmet}; verdict {row['verdict'] or 'none'}."


def _text(value: str) -> str:
    """Untrusted text for an XML element or attribute, without control and direction characters."""
    return escape(printable(value).replace("\ufffe", " ").replace("\uffff", " "), quote=True)
