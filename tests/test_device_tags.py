"""Device tags: what hardware.json contradicts is held, and what a tag leaves out or a virtual machine hides is not."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import facts
from base.hardware_view import HardwareView
from judge import device_tags, findings


def machine(processor: str, product: str | None = None, virtual: str | None = "none", gb: int = 16, cards: tuple = ()) -> HardwareView:
    """A machine; a card is (name, GB of its own)."""
    def fact(value: object) -> dict:
        return facts.unknown("x") if value is None else facts.known(value, "x")
    accelerators = [{"name": fact(name), "memory_bytes": fact(size << 30), "unified_memory": fact(False)} for name, size in cards]
    return HardwareView({"cpu": {"model": fact(processor)}, "system": {"product": fact(product)}, "surroundings": {"virtual_machine": fact(virtual)},
                         "memory": {"physical_bytes": fact(gb << 30)}, "accelerators": fact(accelerators)})


class Tags(unittest.TestCase):
    HONEST = (
        ("mac-m1-16gb", machine("Apple M1")), ("mac-m3-max-64gb", machine("Apple M3 Max", "MacBook Pro", gb=64)), ("mac-m3-64gb", machine("Apple M3 Max", gb=64)),
        ("mac-i7-16gb", machine("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "MacBook Pro")), ("ryzen-9-7950x-64gb", machine("AMD Ryzen 9 7950X 16-Core Processor", gb=62)),
        ("ryzen-ai-max-395-128gb", machine("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", gb=128)), ("i7-1185g7-16gb", machine("11th Gen Intel(R) Core(TM) i7-1185G7 @ 3.00GHz")),
        ("core-ultra-7-155h-32gb", machine("Intel(R) Core(TM) Ultra 7 155H", gb=32)), ("raspberry-pi-5-8gb", machine("Cortex-A76", "Raspberry Pi 5 Model B Rev 1.0", gb=8)),
        ("threadripper-pro-5995wx", machine("AMD Ryzen Threadripper PRO 5995WX 64-Cores")), ("epyc-128gb", machine("AMD EPYC 7763 64-Core Processor", gb=128)),
        ("ryzen-7950x-cpu", machine("Intel(R) Xeon(R) Processor", virtual="KVM")), ("mac-m2-8gb", machine("QEMU Virtual CPU version 2.5+", virtual=None)),
        ("intel-arc-b580-12gb", machine("AMD Ryzen 7 5800X 8-Core Processor", cards=(("Intel Arc B580", 12),))),
        ("rtx-4090-24gb", machine("AMD Ryzen 7 5800X 8-Core Processor", cards=(("NVIDIA GeForce RTX 4090", 24),))),
        ("ryzen-5800x-32gb", machine("AMD Ryzen 7 5800X 8-Core Processor")))      # WSL has half of the memory
    LYING = (
        ("mac-m3-max-16gb", machine("Apple M3")), ("mac-m4-16gb", machine("Apple M1")), ("mac-m1-16gb", machine("Intel(R) Core(TM) i7-9750H")),
        ("ryzen-7950x3d-16gb", machine("AMD Ryzen 9 7950X 16-Core Processor")), ("i9-14900k-16gb", machine("AMD Ryzen 9 7950X 16-Core Processor")),
        ("raspberry-pi-5-8gb", machine("Cortex-A72", "Raspberry Pi 4 Model B Rev 1.4", gb=8)), ("xeon-16gb", machine("AMD EPYC 7763 64-Core Processor")),
        ("ryzen-5800x-64gb", machine("AMD Ryzen 7 5800X 8-Core Processor")), ("rtx-4090-24gb", machine("AMD Ryzen 7 5800X", cards=(("NVIDIA GeForce RTX 3060", 24),))))

    def test_a_tag_may_say_less_than_the_machine_and_nothing_else(self):
        for rows, held in ((self.HONEST, []), (self.LYING, ["physics-tag"])):
            for tag, hardware in rows:
                with self.subTest(tag=tag, processor=hardware.cpu_model):
                    self.assertEqual([finding.rule for finding in device_tags.problems(tag, hardware)], held)

    def test_the_advice_about_a_tag_can_be_followed(self):
        """It was to move the run to another tag, which the manifest, which is never changed, contradicts."""
        finding, = device_tags.problems(*self.LYING[0])
        for advice in (findings.fix(finding), findings.for_reviewer(finding)):
            self.assertIn("if the tag is right, explain the difference in run.md; if it is wrong, measure again with the right --device-tag", advice)
            self.assertNotIn("mv ", advice)


if __name__ == "__main__":
    unittest.main()
