"""The lines of a ledger as frozen types: what each field means is declared in base/records/ledger_fields.py.

Annotations are values here: NamedTuple would compile each that is a text, and a check would take a millisecond longer.
"""
from operator import attrgetter, itemgetter
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from base.records import SPEED_OUTCOMES


class MetaRecord(NamedTuple):
    seq: int
    schema: str
    session: int
    session_start: dict
    run_id: str
    synthetic: bool
    cut: Optional[dict] = None


class SkippedRecord(NamedTuple):
    seq: int
    session: int
    session_start: Optional[dict]
    cut: Optional[dict]
    role: str
    phase: str
    model: str
    item: str
    pass_: Optional[str]
    repeat: int
    level: int
    wave: Optional[int]
    slot: int
    fill: Optional[float]
    reason: str
    detail: Optional[str]

    @property
    def key(self) -> Tuple:
        """The key of its step in the plan."""
        return _step_key(self)


class FooterRecord(NamedTuple):
    seq: int
    session: int
    session_start: Optional[dict]
    cut: Optional[dict]
    complete: bool
    planned: int
    done: int
    skipped: int
    outcomes: Dict[str, int]
    sessions: List[dict]
    code_grades: Optional[Dict[str, dict]] = None


class CallRecord(NamedTuple):
    seq: int
    session: int
    session_start: Optional[dict]
    cut: Optional[dict]
    role: str
    phase: str
    model: str
    item: str
    pass_: Optional[str]
    repeat: int
    level: int
    wave: Optional[int]
    slot: int
    fill: Optional[float]
    reattempt: bool
    endpoint: str
    options: dict
    knobs: dict
    prompt_sha256: str
    nonce: Optional[str]
    material_units: Optional[int]
    outcome: str
    error: Optional[str]
    http_status: Optional[int]
    start_ns: int
    connect_ns: Optional[int]
    sent_ns: Optional[int]
    headers_ns: Optional[int]
    first_chunk_ns: Optional[int]
    first_text_ns: Optional[int]
    first_answer_ns: Optional[int]
    last_text_ns: Optional[int]
    done_ns: Optional[int]
    end_ns: int
    gaps_us: List[int]
    chunks: int
    text_chunks: int
    thinking_chunks: int
    total_ns: Optional[int]
    load_ns: Optional[int]
    prompt_tokens: Optional[int]
    prompt_eval_ns: Optional[int]
    cached_tokens: Optional[int]
    eval_tokens: Optional[int]
    eval_ns: Optional[int]
    done_reason: Optional[str]
    answer: str
    thinking: str
    placement: Optional[dict]
    conditions: Optional[dict]
    finding: Optional[dict]

    @property
    def is_measured(self) -> bool:
        """Whether the plan counts it; warm-up and calibration calls are not measured."""
        return self.role == "measured"

    @property
    def has_speed(self) -> bool:
        """Whether it may be part of a speed figure."""
        return self.role == "measured" and self.outcome in SPEED_OUTCOMES

    @property
    def key(self) -> Tuple:
        """The key of its step in the plan."""
        return _step_key(self)


Record = Union[MetaRecord, CallRecord, SkippedRecord, FooterRecord]
TYPES = {"meta": MetaRecord, "call": CallRecord, "skipped": SkippedRecord, "footer": FooterRecord}

_step_key = attrgetter("phase", "model", "item", "pass_", "repeat", "level")
_wave_key = attrgetter("wave", "level", "phase", "session", "role")


def typed(record: dict) -> Record:
    """One line of a ledger, whose fields were checked before, as its type."""
    return _MAKERS[record["type"]](record)


def _maker(record_type: Any) -> Callable[[dict], Record]:
    """What makes a record of this type from a line; fields that the line may lack come last and have a default."""
    names = [name.rstrip("_") for name in record_type._fields]
    optional = [name for name in names if name in record_type._field_defaults]
    required = itemgetter(*names[:len(names) - len(optional)])
    if not optional:
        return lambda record: record_type._make(required(record))
    return lambda record: record_type._make(required(record) + tuple(map(record.get, optional)))


_MAKERS = {name: _maker(record_type) for name, record_type in TYPES.items()}


def is_planned(record: Record) -> bool:
    """Whether it is the record of a planned call, made or skipped."""
    return isinstance(record, SkippedRecord) or (isinstance(record, CallRecord) and record.is_measured)


def calls_in(records: Iterable[Record]) -> List[CallRecord]:
    return [record for record in records if isinstance(record, CallRecord)]


def is_same_wave(call: CallRecord, before: CallRecord) -> bool:
    """Whether a call was sent together with the one before it, by its own fields; calibration repeats the same wave."""
    return call.wave is not None and call.slot > 0 and _wave_key(call) == _wave_key(before)


def continues_wave(call: CallRecord, before: CallRecord) -> bool:
    """The same where the records of a wave are in order, slots ascending."""
    return is_same_wave(call, before) and call.slot > before.slot


def waves(calls: Iterable[CallRecord]) -> Iterator[List[CallRecord]]:
    """Calls in the order of the ledger, those that were sent together as one list; a call that ran alone is a list of one."""
    wave: List[CallRecord] = []
    for call in calls:
        if wave and not continues_wave(call, wave[-1]):
            yield wave
            wave = []
        wave.append(call)
    if wave:
        yield wave
