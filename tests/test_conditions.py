"""The conditions: what a system offers is read, what it does not offer is null, and nothing it says raises."""
from __future__ import annotations

import contextlib
import fnmatch
import os
import pathlib
import tempfile
import types
import unittest
from unittest import mock

import support

from base import records, schema
from measure import conditions

POWER, ZONES = "/sys/class/power_supply", "/sys/class/thermal"
MEMORY = "MemTotal:       32768000 kB\nMemFree:         1000000 kB\nMemAvailable:   16000000 kB\n" \
         "SwapTotal:       2000000 kB\nSwapFree:        1500000 kB\nHugePages_Total:       0\n"


@contextlib.contextmanager
def machine(files: dict, load: object = (0.5, 0.6, 0.7)):
    """A machine that has these files and no others."""
    def load_average() -> tuple:
        if isinstance(load, Exception):
            raise load
        return load
    found = types.SimpleNamespace(glob=lambda pattern: fnmatch.filter(files, pattern))
    with mock.patch.object(conditions, "_text", files.get), mock.patch.object(conditions, "glob", found), \
            mock.patch.object(os, "getloadavg", load_average, create=True):
        yield


def read(files: dict, **more: object) -> dict:
    with machine(files, **more):
        return conditions.read()


class Whole(unittest.TestCase):
    def test_a_laptop_tells_everything(self):
        found = read({"/proc/meminfo": MEMORY, f"{POWER}/BAT0/status": "Discharging", f"{POWER}/AC/online": "0",
                      f"{ZONES}/thermal_zone0/temp": "45500",
                      "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "3000000",
                      "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1000000"})
        for name, value in {"power_source": "battery", "load_average": 0.5, "free_memory_bytes": 16_000_000 * 1024,
                            "swap_used_bytes": 500_000 * 1024, "temperature_c": 45.5, "clock_mhz": 2000.0}.items():
            with self.subTest(name):
                self.assertEqual(found[name], value)
        self.assertEqual(schema.problems(found, "conditions"), [])

    def test_a_machine_that_tells_nothing_is_null_throughout(self):
        for load in (OSError(), AttributeError()):
            with self.subTest(type(load).__name__):
                found = read({}, load=load)
                self.assertEqual(set(found.values()), {None})
                self.assertEqual(schema.problems(found, "conditions"), [])

    def test_this_machine_can_be_read(self):
        found = conditions.read()
        self.assertEqual(schema.problems(found, "conditions"), [])
        self.assertEqual(list(found), [field.name for field in records.RECORDS["conditions"]])


class Memory(unittest.TestCase):
    def test_lines_that_hold_no_number_are_passed_over(self):
        for text, free in (("", None), ("MemAvailable:", None), ("MemAvailable: lots kB", None), ("MemAvailable: -5 kB", None),
                           ("nonsense\n\nMemAvailable: 2 kB", 2048), ("MemFree: 7 kB", None)):
            with self.subTest(text):
                self.assertEqual(read({"/proc/meminfo": text})["free_memory_bytes"], free)

    def test_swap_in_use_is_the_difference_and_never_negative(self):
        for text, used in (("SwapTotal: 5 kB\nSwapFree: 3 kB", 2048), ("SwapTotal: 0 kB\nSwapFree: 0 kB", 0),
                           ("SwapTotal: 3 kB\nSwapFree: 5 kB", 0), ("SwapTotal: 5 kB", None), ("SwapFree: 5 kB", None)):
            with self.subTest(text):
                self.assertEqual(read({"/proc/meminfo": text})["swap_used_bytes"], used)


class Power(unittest.TestCase):
    def test_where_the_power_comes_from(self):
        for what, files, source in (
                ("a laptop on its battery", {"BAT0/status": "Discharging", "AC/online": "0"}, "battery"),
                ("a laptop that charges", {"BAT0/status": "Charging", "AC/online": "1"}, "ac"),
                ("a full laptop", {"BAT0/status": "Full", "AC/online": "1"}, "ac"),
                ("one of two batteries empties", {"BAT0/status": "Full", "BAT1/status": "Discharging"}, "battery"),
                ("a phone on a cable", {"battery/status": "Not charging", "usb/online": "0", "wireless/online": "1"}, "ac"),
                ("a desktop that says so", {"ADP1/online": "1"}, "ac"),
                ("a battery that knows nothing", {"BAT0/status": "Unknown"}, None),
                ("a mains that is off and no word of a battery", {"AC/online": "0"}, None),
                ("empty files", {"BAT0/status": "", "AC/online": ""}, None),
                ("files that cannot be read", {"BAT0/status": None, "AC/online": None}, None)):
            with self.subTest(what):
                self.assertEqual(read({f"{POWER}/{name}": text for name, text in files.items()})["power_source"], source)

    def test_the_battery_of_a_mouse_is_not_the_machine_s(self):
        """A desktop with a wireless mouse was taken for a laptop on its battery: the mouse's own one always empties."""
        mouse = {f"{POWER}/hidpp_battery_0/status": "Discharging", f"{POWER}/hidpp_battery_0/scope": "Device"}
        self.assertIsNone(read(mouse)["power_source"])
        self.assertEqual(read({**mouse, f"{POWER}/AC/online": "1"})["power_source"], "ac")
        own = {f"{POWER}/BAT0/status": "Discharging", f"{POWER}/BAT0/scope": "System"}
        self.assertEqual(read({**mouse, **own})["power_source"], "battery")


class Heat(unittest.TestCase):
    def test_the_hottest_sane_zone_counts(self):
        for readings, degrees in ((["40000", "71250", "55000"], 71.25), (["-273200", "48000"], 48.0), (["0", "48000"], 48.0),
                                  (["200000", "48000"], 48.0), (["-40000"], None), (["0"], None), ([], None)):
            with self.subTest(readings):
                files = {f"{ZONES}/thermal_zone{n}/temp": text for n, text in enumerate(readings)}
                self.assertEqual(read(files)["temperature_c"], degrees)

    def test_nonsense_in_a_zone_is_passed_over(self):
        for text in ("", None, "warm", "12.5", "1e5", "--5", "-", "45500 C", "4\n5", "\ufffd", "9" * 5000):
            with self.subTest(str(text)[:20]):
                files = {f"{ZONES}/thermal_zone0/temp": text, f"{ZONES}/thermal_zone1/temp": "30000"}
                self.assertEqual(read(files)["temperature_c"], 30.0)


class Clock(unittest.TestCase):
    def test_the_mean_of_the_clocks_that_tell(self):
        for readings, mhz in ((["3000000", "1000000"], 2000.0), (["2400123"], 2400.1), (["fast", "1000000"], 1000.0),
                              (["", None], None), ([], None)):
            with self.subTest(readings):
                files = {f"/sys/devices/system/cpu/cpu{n}/cpufreq/scaling_cur_freq": text for n, text in enumerate(readings)}
                self.assertEqual(read(files)["clock_mhz"], mhz)


class Files(unittest.TestCase):
    def test_a_file_is_read_as_text_whatever_it_holds_and_is_null_if_it_cannot_be(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "temp")
            for data, text in ((b"45500\n", "45500"), (b"", ""), (b"\xff\xfe", "\ufffd\ufffd"), (b"7" * 70_000, "7" * 65_536)):
                with self.subTest(data[:10]):
                    path.write_bytes(data)
                    self.assertEqual(conditions._text(str(path)), text)
            for missing in (str(path) + "x", folder):
                with self.subTest(missing=missing == folder):
                    self.assertIsNone(conditions._text(missing))


if __name__ == "__main__":
    unittest.main()
