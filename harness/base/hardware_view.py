"""What hardware.json knows about a machine: the one reader of its facts. What is unknown, or of another type, is None."""
from __future__ import annotations

from typing import List, NamedTuple, Optional, Type, TypeVar

from base.json_text import Json

T = TypeVar("T")


class Accelerator(NamedTuple):
    """One graphics card or other processor that models may run on."""
    name: Optional[str]
    vendor: Optional[str]
    interface: Optional[str]
    memory_bytes: Optional[int]
    unified_memory: Optional[bool]

    @property
    def own_bytes(self) -> Optional[int]:
        """Memory of its own: 0 where it uses the machine's, None where that is not known."""
        return 0 if self.unified_memory else self.memory_bytes


class HardwareView:
    """The facts of one hardware.json, which may come from anybody; None: there is no such file."""

    def __init__(self, hardware: Json):
        self._hardware = hardware

    def value(self, section: str, name: str, kind: Type[T]) -> Optional[T]:
        """The value of a fact in a section, such as `cpu` and `model`."""
        return _of_type(value_of(part(part(self._hardware, section), name)), kind)

    @property
    def accelerators(self) -> Optional[List[Accelerator]]:
        """None: it is not known whether there are any."""
        cards = _of_type(value_of(part(self._hardware, "accelerators")), list)
        return None if cards is None else [_accelerator(card) for card in cards if isinstance(card, dict)]

    @property
    def cpu_model(self) -> Optional[str]:
        return self.value("cpu", "model", str)

    @property
    def physical_bytes(self) -> Optional[int]:
        """Main memory as it was sold."""
        return self.value("memory", "physical_bytes", int)

    @property
    def usable_bytes(self) -> Optional[int]:
        """Main memory as the system reports it."""
        return self.value("memory", "usable_bytes", int)

    @property
    def server_process(self) -> Optional[str]:
        """The name of the process that listens on the server's port."""
        return self.value("ollama", "process", str)


def _accelerator(card: dict) -> Accelerator:
    def value(name: str, kind: Type[T]) -> Optional[T]:
        return _of_type(value_of(part(card, name)), kind)
    return Accelerator(value("name", str), value("vendor", str), value("interface", str), value("memory_bytes", int),
                       value("unified_memory", bool))


def part(record: Json, name: str) -> Json:
    return record.get(name) if isinstance(record, dict) else None


def value_of(fact: Json) -> Json:
    """The value of a fact; None where it is unknown."""
    return part(fact, "value")


def _of_type(value: Json, kind: Type[T]) -> Optional[T]:
    return value if type(value) is kind else None
