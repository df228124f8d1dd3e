"""The hardware: how much memory there is to use, and a device tag that the rules take whatever the chip is called."""
from __future__ import annotations

import contextlib
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import support

from base import names
from measure import hardware

GIB = 2 ** 30


@contextlib.contextmanager
def machine(chip: str = "", memory: int | None = 8 * GIB, system: str = "linux", architecture: str = "x86_64"):
    with mock.patch.object(hardware, "_chip_name", lambda: chip), \
            mock.patch.object(hardware, "memory_bytes", lambda: memory), \
            mock.patch.object(sys, "platform", system), mock.patch.object(hardware.platform, "machine", lambda: architecture):
        yield


def tag(*details: object, **more: object) -> str:
    with machine(*details, **more):
        return hardware.suggest_device_tag()


class Tags(unittest.TestCase):
    def test_chips_of_every_maker_give_a_tag_that_a_person_would_choose(self):
        for chip, expected in (
                ("AMD Ryzen 7 7840U w/ Radeon 780M Graphics", "ryzen-7-7840u-8gb"),
                ("AMD Ryzen 9 7950X 16-Core Processor", "ryzen-9-7950x-8gb"),
                ("AMD Ryzen 5 PRO 4650U with Radeon Graphics", "ryzen-5-pro-4650u-8gb"),
                ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "ryzen-threadripper-pro-5995wx-8gb"),
                ("AMD FX(tm)-8350 Eight-Core Processor", "fx-8350-8gb"),
                ("AMD EPYC 7763 64-Core Processor", "epyc-7763-8gb"),
                ("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", "i7-8700k-8gb"),
                ("13th Gen Intel(R) Core(TM) i9-13900K", "i9-13900k-8gb"),
                ("Intel(R) Core(TM) Ultra 7 155H", "ultra-7-155h-8gb"),
                ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "xeon-e5-2680-v4-8gb"),
                ("Intel(R) Xeon(R) Processor @ 2.20GHz", "xeon-8gb"),
                ("Intel(R) N100", "n100-8gb"),
                ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5-model-b-rev-1-0-8gb"),
                ("Pixel 8 Pro", "pixel-8-pro-8gb"),
                ("SM-S928B", "sm-s928b-8gb"),
                ("aarch64", "aarch64-8gb")):
            with self.subTest(chip):
                self.assertEqual(tag(chip), expected)

    def test_a_mac_says_that_it_is_one(self):
        for chip, expected in (("Apple M1", "mac-m1-8gb"), ("Apple M2 Pro", "mac-m2-pro-8gb"),
                               ("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "mac-i7-9750h-8gb"), ("Apple", "mac-8gb")):
            with self.subTest(chip):
                self.assertEqual(tag(chip, system="darwin"), expected)

    def test_memory_is_what_was_sold_and_not_what_is_left_of_it(self):
        for memory, size in ((8 * GIB, "8gb"), (int(23.4 * GIB), "24gb"), (int(0.9 * GIB), "1gb"), (1, "1gb"),
                             (1024 * GIB, "1024gb")):
            with self.subTest(memory=memory):
                self.assertEqual(tag("Apple M1", memory), f"m1-{size}")

    def test_whatever_is_unknown_the_tag_is_one_that_can_be_submitted(self):
        """A machine that told neither its memory nor its architecture was called `cpu-`, which the rules refuse."""
        for chip in ("", "Processor", "Apple", "AMD", "\u9f99\u82af", "---", "unknown", "con", "\x00\n"):
            for memory in (8 * GIB, None):
                for architecture in ("x86_64", "aarch64", "arm", "AMD64", ""):
                    with self.subTest(chip=chip, memory=memory, architecture=architecture):
                        found = tag(chip, memory, architecture=architecture)
                        self.assertIsNone(names.device_tag_problem(found), found)

    def test_no_name_of_a_chip_however_odd_gives_a_tag_that_is_refused(self):
        chance = random.Random(7)
        parts = ["Intel(R)", "Core(TM)", "AMD", "CPU", "@ 2.4GHz", "i5-1240P", "w/ Radeon", "-", "--", " ", "\u00e9", "con",
                 "X" * 60, "8-Core", "12th Gen", "(", ")", "_", "with", "7", "Apple", "virtual", "\t"]
        for _ in range(500):
            chip = " ".join(chance.choices(parts, k=chance.randrange(6)))
            for system in ("linux", "darwin", "win32"):
                for memory in (8 * GIB, 1024 * GIB, None):
                    found = tag(chip, memory, system)
                    self.assertIsNone(names.device_tag_problem(found), f"{chip!r} on {system}: {found!r}")

    def test_a_long_name_is_cut_and_the_memory_stays(self):
        found = tag("Snapdragon(R) X Elite - X1E80100 - Qualcomm(R) Oryon(TM) CPU", 1024 * GIB)
        self.assertLessEqual(len(found), 48)
        self.assertRegex(found, r"\Asnapdragon-x-elite-x1e80100-.*[a-z0-9]-1024gb\Z")

    def test_a_slug_is_lower_case_words_and_single_hyphens(self):
        for text, slug in (("Ryzen 7 7840U", "ryzen-7-7840u"), ("  a__b--c  ", "a-b-c"), ("x86_64", "x86-64"), ("", ""),
                           ("\u00e9\u4e2d", ""), ("(R)", "r"), ("\u0130X", "i-x")):
            with self.subTest(text):
                self.assertEqual(hardware.slug(text), slug)


class Memory(unittest.TestCase):
    def memory(self, total: int | None, files: dict) -> int | None:
        with mock.patch.object(hardware, "_posix_memory_bytes", lambda: total), \
                mock.patch.object(hardware, "_windows_memory_bytes", lambda: total), \
                mock.patch.object(hardware, "_read", files.get):
            return hardware.memory_bytes()

    def test_the_limit_of_a_container_counts_where_it_is_less(self):
        second, first = hardware.CGROUP_LIMITS
        for files, found in (({}, 8 * GIB), ({second: "max"}, 8 * GIB), ({second: str(2 * GIB)}, 2 * GIB),
                             ({first: str(3 * GIB)}, 3 * GIB), ({first: "9223372036854771712"}, 8 * GIB),
                             ({second: ""}, 8 * GIB), ({second: "-1"}, 8 * GIB), ({second: "lots"}, 8 * GIB)):
            with self.subTest(files):
                self.assertEqual(self.memory(8 * GIB, files), found)

    def test_without_a_total_the_limit_alone_tells_nothing(self):
        self.assertIsNone(self.memory(None, {hardware.CGROUP_LIMITS[0]: str(2 * GIB)}))

    def test_a_system_that_does_not_say_has_none(self):
        for pages in (-1, ValueError(), OSError(), AttributeError()):
            with self.subTest(pages):
                answers = mock.Mock(side_effect=[4096, pages])
                with mock.patch.object(os, "sysconf", answers, create=True):
                    self.assertIsNone(hardware._posix_memory_bytes())
        with mock.patch.object(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.get, create=True):
            self.assertEqual(hardware._posix_memory_bytes(), 4_096_000)

    def test_this_machine_has_some(self):
        self.assertGreater(hardware.memory_bytes(), GIB // 8)
        self.assertIsNone(names.device_tag_problem(hardware.suggest_device_tag()))


class Names(unittest.TestCase):
    CPUINFO = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) N100\n\nprocessor\t: 1\nmodel name\t: other\n"

    def chip(self, files: dict, said: str | None = None, system: str = "linux", environment: dict | None = None) -> str:
        """The chip's name on a machine with these files, whose one command says `said`."""
        with mock.patch.object(hardware, "_read", files.get), mock.patch.object(sys, "platform", system), \
                mock.patch.object(hardware, "_command", lambda *words: said), \
                mock.patch.object(hardware.platform, "processor", lambda: "x86_64"), \
                mock.patch.dict(os.environ, {"TERMUX_VERSION": "", **(environment or {})}):
            return hardware._chip_name()

    def test_the_first_source_that_knows_is_asked(self):
        cpuinfo, board = {"/proc/cpuinfo": self.CPUINFO}, {"/proc/device-tree/model": "Raspberry Pi 5 Model B\0"}
        for what, found, name in (
                ("Linux on a PC", self.chip(cpuinfo, "not asked"), "Intel(R) N100"),
                ("a board", self.chip({**cpuinfo, **board}), "Raspberry Pi 5 Model B"),
                ("a board that says nothing", self.chip({**cpuinfo, "/proc/device-tree/model": "\0"}), "Intel(R) N100"),
                ("a phone", self.chip(board, "Pixel 8 Pro", environment={"TERMUX_VERSION": "0.118"}), "Pixel 8 Pro"),
                ("a phone that says nothing", self.chip(cpuinfo, environment={"TERMUX_VERSION": "0.118"}), "Intel(R) N100"),
                ("an ARM server, whose list has no names", self.chip({"/proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 50\n"}),
                 "x86_64"),
                ("a Mac", self.chip({}, "Apple M1", "darwin"), "Apple M1"),
                ("a Mac that says nothing", self.chip({}, None, "darwin"), "x86_64"),
                ("a system that has nothing", self.chip({}), "x86_64")):
            with self.subTest(what):
                self.assertEqual(found, name)

    def test_a_command_that_fails_says_nothing(self):
        self.assertEqual(hardware._command(sys.executable, "-c", "print(' Apple M1 ')"), "Apple M1")
        self.assertIsNone(hardware._command(sys.executable, "-c", "pass"))
        self.assertIsNone(hardware._command("no-such-command-anywhere"))
        late = subprocess.TimeoutExpired("sysctl", 5)
        with mock.patch.object(hardware.subprocess, "run", side_effect=late):
            self.assertIsNone(hardware._command("sysctl"))

    def test_a_file_that_cannot_be_read_says_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model")
            path.write_bytes(b"Board \xff\n")
            self.assertEqual(hardware._read(str(path)), "Board \ufffd")
            self.assertIsNone(hardware._read(folder))
            self.assertIsNone(hardware._read(str(path) + "x"))


if __name__ == "__main__":
    unittest.main()
