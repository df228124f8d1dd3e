"""The three frozen prompts: the anchor that makes devices comparable and shows drift within a run.

Pure data. The texts never change under these ids: a changed text is a new version with a new hash, and figures taken
with different versions share no median. Lengths are of the common tokenizers, without the chat template.
"""
from __future__ import annotations

from typing import NamedTuple

VERSION = "1.0"
LICENCE = "CC-BY-4.0"
TITLE = "Frozen prompts"
ABOUT = ("Three prompts of about 30, 300 and 1,200 tokens that ask for different work: a plain explanation, a "
         "diagnosis from a configuration and a log, and the review and redesign of a service.")


class Prompt(NamedTuple):
    id: str
    title: str
    text: str
    num_predict: int  # far above the 64 tokens of answer that a steady decode rate needs
    sha256: str       # of the text in UTF-8


P_EASY = """\
Explain to a new colleague what a computer does between the press of its power button and the login screen. \
Write four short paragraphs of plain prose."""

P_MEDIUM = """\
A small web service answers slowly every morning between 08:00 and 08:20 and is fast for the rest of the day. \
This is its configuration:

[server]
workers = 4
request_timeout_s = 30

[database]
pool_size = 5
pool_wait_s = 20

[report]
schedule = "daily 08:00"
parallel_jobs = 5
query_timeout_s = 900

And this is a part of its log:

07:59:58 INFO  GET /orders 200 41 ms
08:00:00 INFO  report: daily run started, 5 jobs
08:00:03 WARN  pool: 5 of 5 connections in use
08:00:09 WARN  GET /orders waited 5804 ms for a connection
08:00:21 ERROR GET /orders 503 no connection after 20000 ms
08:00:22 INFO  GET /health 200 1 ms
08:19:40 INFO  report: daily run finished
08:19:41 INFO  GET /orders 200 38 ms

Say what happens here, step by step, and which lines show it. Explain why the health check stays green. Then propose \
three different changes, from the quickest to the most thorough; for each, give the exact setting or design, what it \
costs, and how you would prove the next morning that it worked."""

P_HARD = """\
You review a change before it goes into production. Read the situation, the requirements and the code, then do the \
work described at the end.

SITUATION
A company keeps the stock of nine warehouses in one service. Hand scanners send an event for every box that arrives, \
leaves, or is counted. About 400 scanners send 30 to 60 events a minute each during the day. The radio network in the \
halls is poor: a scanner that gets no answer sends the same event again, after two seconds and then after every ten \
seconds, until it is answered. Some scanners are offline for hours and then send everything they have kept. Their \
clocks differ by up to three minutes. Three copies of the service run behind a load balancer and share one relational \
database. Last month the stock of 212 articles was wrong, and nobody could say why.

REQUIREMENTS
R1  An event counts once, however often it is sent and whichever copy of the service receives it.
R2  A scanner gets its answer within 300 milliseconds for 99 of 100 events, even while a backlog is being sent.
R3  The stock of an article never becomes negative. An event that would make it so is kept and shown to a person.
R4  A count event ("there are exactly 17 boxes here") overrides everything that happened before it, by the time at \
which the box was scanned, not by the time at which the event arrived.
R5  Whoever asks why an article has its present stock gets the complete list of the events that led to it.
R6  A crash of one copy, at any line of the code, loses no event that was answered.
R7  The service must run on the present database. A message broker is not to be added this year.
R8  Nobody may be able to change an article that the scanner's own warehouse does not hold.

MEASUREMENTS
The database commits about 1,200 small transactions a second before its answers become slower than 50 milliseconds. \
One round trip between a copy of the service and the database takes 2 milliseconds. Each copy keeps 20 connections \
open. The history of a busy article grows by some 900 rows a day, and is kept for ten years.

THE CHANGE
    SEEN = {}

    def handle(event, database):
        key = event["scanner"] + event["time"]
        if key in SEEN:
            return {"status": "ok"}
        SEEN[key] = True
        row = database.query_one(
            "SELECT stock FROM article WHERE id = '" + event["article"] + "'")
        stock = row["stock"]
        if event["kind"] == "arrive":
            stock = stock + event["boxes"]
        elif event["kind"] == "leave":
            stock = stock - event["boxes"]
            if stock < 0:
                stock = 0
        elif event["kind"] == "count":
            stock = event["boxes"]
        database.execute(
            "UPDATE article SET stock = %s WHERE id = %s", (stock, event["article"]))
        try:
            database.execute(
                "INSERT INTO history (article, kind, boxes, received) VALUES (%s, %s, %s, now())",
                (event["article"], event["kind"], event["boxes"]))
        except Exception:
            log.warning("history not written")
        if len(SEEN) > 1000000:
            SEEN.clear()
        return {"status": "ok"}

    def rebuild(article, database):
        stock = 0
        for row in database.query(
                "SELECT kind, boxes FROM history WHERE article = %s ORDER BY received", (article,)):
            if row["kind"] == "arrive":
                stock += row["boxes"]
            elif row["kind"] == "leave":
                stock -= row["boxes"]
            else:
                stock = row["boxes"]
        database.execute("UPDATE article SET stock = %s WHERE id = %s", (stock, article))

The author adds: "The dictionary makes repeated events cheap. I ran it on my machine with 10,000 events and the stock \
was right every time. The rebuild function can be called every night to mend any difference that is left."

YOUR WORK
1. List the defects of the change. For each one, name the requirement that it breaks, give a short and concrete \
sequence of events that shows it, and rate the damage as low, medium or high. Put those first that could explain the \
212 wrong articles.
2. Say why the author's own test could not find them, and describe a test that would have.
3. Design the tables anew: columns, keys, and the constraints that let the database itself enforce R1 and R3. Say what \
identifies an event, and why the scanner's clock alone must not.
4. Write the new handle function in Python, with one transaction for each event and with bound parameters. Explain in \
a comment what happens if the process dies after each statement.
5. Explain how a late event, which was scanned before a count but arrives after it, is worked into the stock without \
reading the whole history again.
6. Show with numbers whether R2 can be met when 60 scanners come back at once with 1,500 events each, and what you \
would limit, and where, so that the other scanners do not notice.
7. Give a plan to bring the new design into production without stopping the warehouses, with the way back at each \
step, and with the two figures that you would watch.

Be concrete and keep to the order above. Where the requirements contradict each other or leave something open, say so, \
choose, and give your reason."""

PROMPTS = (
    Prompt("P-EASY", "A plain explanation", P_EASY, 128,
           "6772741fcce350c95c464062d0bbc6933412d25a6c653f2a3a0b64e9f5ef0cef"),
    Prompt("P-MEDIUM", "Diagnosis of a slow service", P_MEDIUM, 256,
           "f2992f20277dcc04f88c464693dca1fab3512f86f033cd2cc43481b250a6cc2b"),
    Prompt("P-HARD", "Review and redesign of a stock service", P_HARD, 512,
           "0d96797a820647f0e3296607d17abb5e077eb155146ebde1f4a48d9902d67e8b"),
)
