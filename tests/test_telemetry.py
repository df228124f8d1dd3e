"""The conditions: what a system offers is read, what it does not offer is null, and nothing it says raises."""
from __future__ import annotations

import fnmatch
import itertools
import os
import pathlib
import struct
import tempfile
import unittest

import support

from base import records, schema
from measure import telemetry
from measure import library
from measure.telemetry import amdgpu, energy, linux, macos, nvml, windows
from measure.telemetry.sysfs import Files, number

POWER, ZONES, SENSORS, CPUS = linux.POWER, linux.ZONES, "/sys/class/hwmon", linux.CPUS
RAPL, CARDS = energy.RAPL, "/sys/class/drm"
MEMORY = "MemTotal:       32768000 kB\nMemFree:         1000000 kB\nMemAvailable:   16000000 kB\n" \
         "SwapTotal:       2000000 kB\nSwapFree:        1500000 kB\nHugePages_Total:       0\n"
STAT = "cpu  100 20 30 700 50 5 5 10 60 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Paper(Files):
    """Files that are not there but in this dictionary; a test may change them between two readings."""

    def __init__(self, files: dict):
        self.files = files

    def find(self, pattern: str) -> list:
        """As glob does: a star stops at a slash."""
        depth = pattern.count("/")
        return sorted(path for path in self.files if path.count("/") == depth and fnmatch.fnmatchcase(path, pattern))

    def text(self, path: str) -> str | None:
        return self.files.get(path)


def reader(files: dict, nvidia: object = None, clock: object = lambda: 0.0) -> telemetry.Reader:
    return telemetry.Reader(linux.Linux(Paper(files)), nvidia, clock)


def read(files: dict) -> dict:
    return reader(files).read()


class Whole(unittest.TestCase):
    LAPTOP = {"/proc/meminfo": MEMORY, "/proc/stat": STAT, "/proc/vmstat": "pgpgin 5\npswpin 10\npswpout 20\n",
              f"{POWER}/BAT0/status": "Discharging", f"{POWER}/AC/online": "0", f"{ZONES}/thermal_zone0/temp": "45500",
              f"{CPUS}/cpu0/cpufreq/scaling_cur_freq": "3000000", f"{CPUS}/cpu1/cpufreq/scaling_cur_freq": "1000000",
              f"{CPUS}/cpu0/thermal_throttle/core_throttle_count": "3",
              f"{RAPL}/intel-rapl:0/name": "package-0", f"{RAPL}/intel-rapl:0/energy_uj": "1000000",
              f"{RAPL}/intel-rapl:0/max_energy_range_uj": "262143328850",
              f"{CARDS}/card0/device/vendor": "0x1002", f"{CARDS}/card0/device/gpu_busy_percent": "97"}

    @unittest.skipUnless(hasattr(os, "sysconf"), "needs os.sysconf, for the size of a page")
    def test_a_laptop_tells_everything(self):
        files = dict(self.LAPTOP)
        here = reader(files)
        here.begin()
        files.update({f"{RAPL}/intel-rapl:0/energy_uj": "3500000", "/proc/vmstat": "pswpin 11\npswpout 23\n",
                      f"{CPUS}/cpu0/thermal_throttle/core_throttle_count": "4"})
        here.look_around(lambda seconds: files.update({"/proc/stat": STAT.replace("700", "730").replace("100", "110")}), 0.2)
        found = here.read()
        for name, value in {"power_source": "battery", "free_memory_bytes": 16_000_000 * 1024, "energy_j": 2.5,
                            "swap_used_bytes": 500_000 * 1024, "temperature_c": 45.5, "clock_mhz": 2000.0,
                            "swapped_in_bytes": PAGE, "swapped_out_bytes": 3 * PAGE, "throttled": ["thermal"],
                            "background_cpu_share": 0.25}.items():
            with self.subTest(name):
                self.assertEqual(found[name], value)
        self.assertEqual([(one["index"], one["busy_share"]) for one in found["accelerators"]], [(0, 0.97)])
        self.assertEqual(schema.problems(found, "conditions"), [])

    def test_a_machine_that_tells_nothing_is_null_throughout(self):
        here = reader({})
        here.look_around(lambda seconds: None, 0.2)
        here.begin()
        found = here.read()
        self.assertEqual({name for name, value in found.items() if value is not None} - {"load_average"}, set())
        self.assertEqual(schema.problems(found, "conditions"), [])

    def test_this_machine_can_be_read(self):
        here = telemetry.reader(True)
        here.begin()
        found = here.read()
        self.assertEqual(schema.problems(found, "conditions"), [])
        self.assertEqual(list(found), [field.name for field in records.RECORDS["conditions"]])
        self.assertNotEqual(here.energy_counter is None, here.energy_unknown is None)

    def test_a_machine_that_is_elsewhere_tells_nothing_and_the_session_says_so(self):
        here = telemetry.reader(False)
        here.begin()
        here.look_around(lambda seconds: self.fail("waited for nothing"), 0.2)
        self.assertIsNone(here.read())
        self.assertEqual((here.energy_counter, here.energy_unknown), (None, "the server runs on another machine"))

    def test_the_load_is_null_where_there_is_none(self):
        def broken() -> tuple:
            raise OSError
        for ask, load in ((lambda: (0.514, 9, 9), 0.51), (lambda: (0.0, 9, 9), 0.0), (broken, None), (None, None)):
            with self.subTest(load):
                self.assertEqual(telemetry.load_average(ask), load)


class Background(unittest.TestCase):
    def test_the_share_that_was_used_between_two_readings(self):
        for before, after, share in (((10, 100), (30, 200), 0.2), ((10, 100), (10, 140), 0.0), ((0, 0), (7, 7), 1.0),
                                     ((10, 100), (9, 140), 0.0), ((10, 100), (60, 140), 1.0), ((0, 0), (1, 3), 0.333),
                                     ((10, 100), (10, 100), None), ((10, 100), (0, 5), None), (None, (1, 2), None),
                                     ((1, 2), None, None)):
            with self.subTest(before=before, after=after):
                self.assertEqual(telemetry.busy_share(before, after), share)

    def test_waiting_for_a_disk_is_idle_and_what_a_hypervisor_took_is_not_and_guests_count_once(self):
        for text, ticks in ((STAT, (170, 920)), ("cpu 1 1 1 1 1", (3, 5)), ("cpu 1 1 1 1", None), ("cpu a b c d e f", None),
                            ("cpu0 1 1 1 1 1", None), ("", None), (None, None)):
            with self.subTest(text):
                self.assertEqual(linux.Linux(Paper({"/proc/stat": text})).processor_ticks(), ticks)

    def test_it_is_told_once_by_the_reading_after_the_look(self):
        files, waited = {"/proc/stat": STAT}, []
        here = reader(files)
        self.assertIsNone(here.read()["background_cpu_share"])
        here.look_around(lambda seconds: (waited.append(seconds), files.update({"/proc/stat": STAT.replace("700", "740")})), 0.2)
        self.assertEqual([here.read()["background_cpu_share"] for _ in range(2)], [0.0, None])
        self.assertEqual(waited, [0.2])


class Memory(unittest.TestCase):
    def test_lines_that_hold_no_number_are_passed_over(self):
        for text, free in (("", None), ("MemAvailable:", None), ("MemAvailable: lots kB", None), ("MemAvailable: -5 kB", None),
                           ("nonsense\n\nMemAvailable: 2 kB", 2048), ("MemFree: 7 kB", None), ("MemAvailable: 5", None),
                           (f"MemAvailable: {'9' * 40} kB", None)):
            with self.subTest(text):
                self.assertEqual(read({"/proc/meminfo": text})["free_memory_bytes"], free)

    def test_swap_in_use_is_the_difference_and_never_negative(self):
        for text, used in (("SwapTotal: 5 kB\nSwapFree: 3 kB", 2048), ("SwapTotal: 0 kB\nSwapFree: 0 kB", 0),
                           ("SwapTotal: 3 kB\nSwapFree: 5 kB", 0), ("SwapTotal: 5 kB", None), ("SwapFree: 5 kB", None)):
            with self.subTest(text):
                self.assertEqual(read({"/proc/meminfo": text})["swap_used_bytes"], used)

    @unittest.skipUnless(hasattr(os, "sysconf"), "needs os.sysconf, for the size of a page")
    def test_swapping_counts_from_the_reading_before_and_first_from_the_session_s_beginning(self):
        files = {"/proc/vmstat": "pswpin 10\npswpout 20"}
        here, found = reader(files), []
        for text in ("pswpin 13\npswpout 20", "pswpin 13\npswpout 21", "pswpin 1\npswpout 2", "pswpin 1", "pswpin 5\npswpout 9",
                     "pswpin 6\npswpout 9"):
            files["/proc/vmstat"] = text
            told = here.read()
            found.append((told["swapped_in_bytes"], told["swapped_out_bytes"]))
        self.assertEqual(found, [(3 * PAGE, 0), (0, PAGE), (0, 0), (None, None), (None, None), (PAGE, 0)])


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

    def test_the_processor_s_own_sensors_go_before_its_zones_and_these_before_others(self):
        wireless = {f"{ZONES}/thermal_zone0/temp": "90000", f"{ZONES}/thermal_zone0/type": "iwlwifi_1"}
        zone = {f"{ZONES}/thermal_zone1/temp": "50000", f"{ZONES}/thermal_zone1/type": "x86_pkg_temp"}
        disk = {f"{SENSORS}/hwmon0/name": "nvme", f"{SENSORS}/hwmon0/temp1_input": "80000"}
        own = {f"{SENSORS}/hwmon1/name": "k10temp", f"{SENSORS}/hwmon1/temp1_input": "60000",
               f"{SENSORS}/hwmon1/temp3_input": "61500"}
        for files, degrees in (({**wireless, **zone, **disk, **own}, 61.5), ({**wireless, **zone, **disk}, 50.0),
                               ({**wireless, **disk}, 90.0), (disk, None)):
            with self.subTest(degrees):
                self.assertEqual(read(files)["temperature_c"], degrees)

    def test_the_counters_of_heat_tell_of_the_time_since_the_reading_before(self):
        core, package = (f"{CPUS}/cpu0/thermal_throttle/{name}_throttle_count" for name in ("core", "package"))
        files = {core: "7", package: "0", f"{CPUS}/cpu0/thermal_throttle/core_power_limit_count": "5"}
        here, found = reader(files), []
        for change in ({}, {package: "1"}, {}, {core: "8"}, {core: "0", package: "0"}, {core: None, package: None}):
            files.update(change)
            found.append(here.read()["throttled"])
        self.assertEqual(found, [[], ["thermal"], [], ["thermal"], [], None])

    def test_a_small_board_s_flags_of_the_moment_are_told_in_words(self):
        for text, words in (("0", []), ("50000", []), ("50005", ["under-voltage", "throttled"]), ("8", ["soft temperature limit"]),
                            ("0x2", ["clock capped"]), ("what", None), ("", None), (None, None)):
            with self.subTest(text):
                self.assertEqual(read({linux.BOARD_FLAGS: text})["throttled"], words)


class Clock(unittest.TestCase):
    def test_the_mean_of_the_clocks_that_tell(self):
        for readings, mhz in ((["3000000", "1000000"], 2000.0), (["2400123"], 2400.1), (["fast", "1000000"], 1000.0),
                              (["0", "1000000"], 1000.0), (["", None], None), ([], None)):
            with self.subTest(readings):
                files = {f"{CPUS}/cpu{n}/cpufreq/scaling_cur_freq": text for n, text in enumerate(readings)}
                self.assertEqual(read(files)["clock_mhz"], mhz)


class Amd(unittest.TestCase):
    def card(self, number: int, **more: str) -> dict:
        told = {"vendor": "0x1002", "gpu_busy_percent": "50", "mem_info_vram_used": "123456", "hwmon/hwmon3/name": "amdgpu",
                "hwmon/hwmon3/power1_average": "211000000", "hwmon/hwmon3/temp1_input": "64000",
                "hwmon/hwmon3/freq1_input": "2500000000", "power/runtime_status": "active", **more}
        return {f"{CARDS}/card{number}/device/{name}": text for name, text in told.items()}

    def test_a_card_tells_what_its_driver_knows(self):
        self.assertEqual(read(self.card(0))["accelerators"], [
            {"index": 0, "busy_share": 0.5, "memory_used_bytes": 123456, "power_w": 211.0, "temperature_c": 64.0,
             "clock_mhz": 2500.0, "throttled": None}])

    def test_cards_stand_in_the_order_of_their_numbers_and_those_of_others_are_left_out(self):
        files = {**self.card(10, gpu_busy_percent="10"), **self.card(2, gpu_busy_percent="2"),
                 **self.card(1, vendor="0x8086"), f"{CARDS}/card2-DP-1/device/vendor": "0x1002"}
        self.assertEqual([(one["index"], one["busy_share"]) for one in read(files)["accelerators"]], [(0, 0.02), (1, 0.1)])

    def test_the_power_of_a_moment_stands_in_where_there_is_no_average(self):
        path = f"{CARDS}/card0/device/hwmon/hwmon3/power1_average"
        files = {**self.card(0), path: None, path.replace("average", "input"): "5000000"}
        self.assertEqual(read(files)["accelerators"][0]["power_w"], 5.0)

    def test_a_card_that_sleeps_is_not_woken(self):
        state = read(self.card(0, **{"power/runtime_status": "suspended"}))["accelerators"][0]
        self.assertEqual({value for name, value in state.items() if name != "index"}, {None})

    def test_a_card_without_sensors_is_null_there(self):
        bare = {f"{CARDS}/card0/device/vendor": "0x1002"}
        self.assertEqual(amdgpu.cards(Paper(bare)), [(f"{CARDS}/card0/device", None)])
        self.assertEqual(schema.problems(read(bare), "conditions"), [])


class Driver:
    """Stands in for NVIDIA's library: answers by name and device, as (return code, value)."""

    def __init__(self, *devices: dict, code: int = 0):
        self.devices, self.code = devices, code

    def nvmlInit_v2(self) -> int:
        return self.code

    def nvmlDeviceGetCount_v2(self, place: object) -> int:
        place._obj.value = len(self.devices)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, place: object) -> int:
        place._obj.value = number + 1
        return 0 if self.devices[number] is not None else 15

    def __getattr__(self, name: str) -> object:
        if not any(name in (device or {}) for device in self.devices):
            raise AttributeError(name)

        def answer(handle: object, *arguments: object) -> int:
            value = self.devices[handle.value - 1].get(name)
            place = arguments[-1]._obj
            if value is None:
                return 3        # not supported
            if isinstance(value, tuple):
                place[:] = value
            else:
                place.value = value
            return 0
        return answer


class Nvidia(unittest.TestCase):
    CARD = {"nvmlDeviceGetUtilizationRates": (98, 40), "nvmlDeviceGetMemoryInfo": (24_000, 4_000, 20_000),
            "nvmlDeviceGetPowerUsage": 312_500, "nvmlDeviceGetTemperature": 71, "nvmlDeviceGetClockInfo": 1905,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 0x25, "nvmlDeviceGetTotalEnergyConsumption": 5_000}

    def test_a_card_tells_what_its_driver_knows(self):
        found = reader({}, nvml.started(Driver(self.CARD))).read()
        self.assertEqual(found["accelerators"], [
            {"index": 0, "busy_share": 0.98, "memory_used_bytes": 20_000, "power_w": 312.5, "temperature_c": 71,
             "clock_mhz": 1905, "throttled": ["power cap", "software thermal"], "others_memory_bytes": None,
             "others_busy_share": None}])
        self.assertEqual(schema.problems(found, "conditions"), [])

    def test_what_others_use_of_a_card_is_told_apart_where_the_driver_names_our_processes(self):
        whole = 2 ** 64 - 1
        for name, own, others, memory_bytes, share in (
                ("the server alone", {7}, {}, 0, 0.0), ("a game beside it", {7}, {9: (3000, 60)}, 3000, 0.6),
                ("a game whose memory is hidden", {7}, {9: (whole, 60)}, None, 0.6),
                ("processes with other numbers", {8}, {9: (3000, 60)}, None, None), ("no server seen", set(), {}, None, None)):
            driver = Driver(self.CARD)
            users = {7: (20_000, 38), **others}

            def running(device: object, count: object, rows: object) -> int:
                count._obj.value = len(users)
                for row, (number, (used, _)) in zip(rows, users.items()):
                    row.number, row.used = number, used
                return 0

            def utilization(device: object, rows: object, count: object, since: object) -> int:
                count._obj.value = len(users) + 1
                samples = [(7, 1, 99)] + [(number, 2, busy) for number, (_, busy) in users.items()]
                for row, (number, time_us, busy) in zip(rows, samples):
                    row.number, row.time_us, row.processors = number, time_us, busy
                return 0
            driver.__dict__.update(nvmlDeviceGetComputeRunningProcesses_v3=running, nvmlDeviceGetProcessUtilization=utilization)
            with self.subTest(name):
                state = nvml.started(driver).states(own)[0]
                self.assertEqual((state["others_memory_bytes"], state["others_busy_share"]), (memory_bytes, share))

    def test_what_a_card_or_a_driver_does_not_support_is_null(self):
        for card in ({**dict.fromkeys(self.CARD), "nvmlDeviceGetTemperature": 30}, {"nvmlDeviceGetTemperature": 30}):
            with self.subTest(len(card)):
                found = reader({}, nvml.started(Driver(card))).read()["accelerators"][0]
                self.assertEqual({name: value for name, value in found.items() if value is not None},
                                 {"index": 0, "temperature_c": 30})

    def test_what_the_driver_calls_not_available_is_null(self):
        card = {**self.CARD, "nvmlDeviceGetMemoryInfo": (24_000, 4_000, 2 ** 64 - 1), "nvmlDeviceGetTemperature": 2 ** 32 - 1,
                "nvmlDeviceGetTotalEnergyConsumption": 2 ** 64 - 1}
        here = nvml.started(Driver(card))
        self.assertEqual([here.states()[0][name] for name in ("memory_used_bytes", "temperature_c", "power_w")],
                         [None, None, 312.5])
        self.assertEqual(here.energy().counters, ())

    def test_no_driver_or_none_that_starts_or_sees_a_card_is_no_nvidia(self):
        for what, driver in (("none", None), ("no start", Driver(self.CARD, code=9)), ("no card", Driver()),
                             ("lost card", Driver(None)), ("not this library", object())):
            with self.subTest(what):
                self.assertIsNone(nvml.started(driver))

    def test_a_lost_card_does_not_hide_the_others(self):
        found = nvml.started(Driver(None, self.CARD)).states()
        self.assertEqual([one["busy_share"] for one in found], [0.98])

    def test_nvidia_s_come_before_amd_s(self):
        files = {f"{CARDS}/card0/device/vendor": "0x1002", f"{CARDS}/card0/device/gpu_busy_percent": "1"}
        found = reader(files, nvml.started(Driver(self.CARD, self.CARD))).read()["accelerators"]
        self.assertEqual([(one["index"], one["busy_share"]) for one in found], [(0, 0.98), (1, 0.98), (2, 0.01)])

    def test_reasons_for_running_slower_are_words_and_idleness_is_none(self):
        for bits, words in ((None, None), (0, []), (1, []), (0x41, ["hardware thermal"]), (0x80, ["power brake"]),
                            (0x1000, ["reason 0x1000"])):
            with self.subTest(bits):
                self.assertEqual(nvml.reasons(bits), words)


class Energy(unittest.TestCase):
    def package(self, number: int = 0, **more: object) -> dict:
        told = {"name": f"package-{number}", "energy_uj": "1000000", "max_energy_range_uj": "9000000000", **more}
        return {f"{RAPL}/intel-rapl:{number}/{name}": text for name, text in told.items()}

    def test_a_counter_between_two_readings(self):
        for before, now, around, seconds, spent in (
                (10, 25, None, 1.0, 15), (10, 10, None, 1.0, 0), (25, 10, None, 1.0, None), (None, 10, None, 1.0, None),
                (10, None, None, 1.0, None), (10, 25, 10 ** 10, 1.0, 15), (9_999_999_990, 25, 10 ** 10, 1.0, 35),
                (10, 25, 10 ** 10, 16.0, 15), (10, 25, 10 ** 10, 17.0, None), (10, 25, None, 9e9, 15)):
            with self.subTest(before=before, now=now, around=around, seconds=seconds):
                self.assertEqual(energy.spent_uj(energy.Counter(lambda: now, around), before, seconds), spent)

    def test_packages_and_accelerators_add_up_and_parts_of_a_package_do_not(self):
        files = {**self.package(0), **self.package(1), **{f"{RAPL}/intel-rapl:0:0/{name}": text for name, text in (
                    ("name", "core"), ("energy_uj", "0"), ("max_energy_range_uj", "9"))},
                 f"{RAPL}/intel-rapl-mmio:0/name": "package-0", f"{RAPL}/intel-rapl-mmio:0/energy_uj": "0"}
        card = dict(Nvidia.CARD)
        here = reader(files, nvml.started(Driver(card)))
        self.assertEqual((here.energy_counter, here.energy_unknown),
                         ("processor packages by RAPL; accelerators by NVML", None))
        here.begin()
        for path in [path for path in files if path.endswith("energy_uj")]:
            files[path] = "3000000"
        card["nvmlDeviceGetTotalEnergyConsumption"] += 10_000
        self.assertEqual(here.read()["energy_j"], 2.0 + 2.0 + 10.0)

    def test_one_counter_that_falls_silent_makes_the_sum_unknown(self):
        files = {**self.package(0), **self.package(1)}
        here = reader(files)
        here.begin()
        files[f"{RAPL}/intel-rapl:1/energy_uj"] = None
        self.assertIsNone(here.read()["energy_j"])

    def test_a_call_so_long_that_a_counter_may_have_gone_round_unseen_is_unknown(self):
        ticks = itertools.count(0.0, 16.0)
        here = reader(self.package(), clock=lambda: next(ticks))
        here.begin()
        self.assertIsNone(here.read()["energy_j"])

    def test_a_reading_without_a_beginning_has_no_energy(self):
        here = reader(self.package())
        self.assertIsNone(here.read()["energy_j"])
        here.begin()
        self.assertEqual([here.read()["energy_j"] for _ in range(2)], [0.0, None])

    def test_the_session_says_what_is_counted_and_what_is_not_and_why(self):
        locked = "its counter (RAPL) is for the administrator alone"
        old = nvml.started(Driver({"nvmlDeviceGetTemperature": 30}))
        amd_card = {f"{CARDS}/card0/device/vendor": "0x1002"}
        for what, files, nvidia, counter, unknown in (
                ("nothing there", {}, None, None, "processor not counted: the system offers no counter for it"),
                ("for root alone", self.package(energy_uj=None), None, None, f"processor not counted: {locked}"),
                ("no package", self.package(name="psys"), None, None, "processor not counted: the system offers no counter for it"),
                ("accelerators alone", self.package(energy_uj=None), nvml.started(Driver(Nvidia.CARD)),
                 f"processor not counted: {locked}; accelerators by NVML", None),
                ("the processor alone", {**self.package(), **amd_card}, None, "processor packages by RAPL; accelerators not "
                 "counted: AMD's driver reports power but does not count energy", None),
                ("an old card", self.package(), old, "processor packages by RAPL; accelerators not counted: their energy "
                 "counter (NVML) came with the Volta generation", None)):
            with self.subTest(what):
                here = reader(files, nvidia)
                self.assertEqual((here.energy_counter, here.energy_unknown), (counter, unknown))


class System:
    """Stands in for libSystem and IOKit."""

    def __init__(self, pressure: int = 0, left: float = macos.ON_THE_MAINS):
        self.pressure, self.left, self.swapins, self.ticks = pressure, left, 5, (30, 10, 50, 10)

    def mach_host_self(self) -> int:
        return 2563

    def host_statistics64(self, host: int, flavour: int, place: object, count: object) -> int:
        fields = [0] * 24
        fields[macos.FREE], fields[macos.SPECULATIVE], fields[macos.EXTERNAL], fields[macos.PURGEABLE] = 100, 20, 50, 7
        fields[macos.SWAPINS], fields[macos.SWAPOUTS] = self.swapins, 9
        place.raw = macos.VM_INFO64.pack(*fields)
        return 0 if (host, flavour, count._obj.value) == (2563, 4, 38) else 4

    def host_statistics(self, host: int, flavour: int, place: object, count: object) -> int:
        place.raw = macos.CPU_TICKS.pack(*self.ticks)
        return 0 if (host, flavour, count._obj.value) == (2563, 3, 4) else 4

    def sysctlbyname(self, name: bytes, place: object, size: object, new: None, new_size: object) -> int:
        place.raw = struct.pack("=3QIi", 2048, 1024, 1000, 16384, 1)
        return 0 if (name, size._obj.value) == (b"vm.swapusage", 32) else -1

    def notify_register_check(self, name: bytes, token: object) -> int:
        token._obj.value = 3
        return 0

    def notify_get_state(self, token: int, level: object) -> int:
        level._obj.value = self.pressure
        return 0 if token == 3 else 1

    @property
    def IOPSGetTimeRemainingEstimate(self) -> object:
        return lambda: self.left        # a function like those of ctypes: it takes a restype


IOREG = '''+-o AGXAcceleratorG13X  <class AGXAcceleratorG13X, id 0x100000341, registered, matched, active, busy 0, retain 90>
    {
      "IOClass" = "AGXAcceleratorG13X"
      "PerformanceStatistics" = {"In use system memory (driver)"=0,"Alloc system memory"=900000,"Tiler Utilization %"=4,\
"recoveryCount"=0,"Renderer Utilization %"=11,"Device Utilization %"=12,"In use system memory"=65536}
      "gpu-core-count" = 16
    }
'''


@unittest.skipUnless(hasattr(os, "sysconf"), "needs os.sysconf, for the size of a page")
class MacOs(unittest.TestCase):
    def mac(self, ioreg: str | None = IOREG, clock: object = lambda: 0.0, **more: object) -> macos.Mac:
        here = System(**more)
        return macos.Mac(here, here, lambda: ioreg, clock)

    def test_a_notebook_tells_what_the_system_shows_to_everybody(self):
        system = System(pressure=2, left=5400.0)
        here = telemetry.Reader(macos.Mac(system, system, lambda: IOREG, lambda: 0.0))
        system.swapins += 3
        here.look_around(lambda seconds: setattr(system, "ticks", (33, 10, 56, 11)), 0.2)
        here.begin()
        found = here.read()
        for name, value in {"power_source": "battery", "free_memory_bytes": 137 * PAGE, "swap_used_bytes": 1000,
                            "swapped_in_bytes": 3 * PAGE, "swapped_out_bytes": 0, "throttled": ["thermal pressure: heavy"],
                            "background_cpu_share": 0.4, "energy_j": None, "temperature_c": None, "clock_mhz": None}.items():
            with self.subTest(name):
                self.assertEqual(found[name], value)
        self.assertEqual([(one["index"], one["busy_share"], one["memory_used_bytes"]) for one in found["accelerators"]],
                         [(0, 0.12, 65536)])
        self.assertEqual(schema.problems(found, "conditions"), [])
        self.assertEqual(here.energy_unknown, "machine not counted: macOS shows its counters to the administrator alone")

    def test_power_and_pressure_in_words(self):
        for left, source in ((macos.ON_THE_MAINS, "ac"), (-1.0, "battery"), (60.0, "battery")):
            with self.subTest(left):
                self.assertEqual(self.mac(left=left).state()["power_source"], source)
        for level, words in ((0, []), (1, ["thermal pressure: moderate"]), (9, ["thermal pressure: 9"])):
            with self.subTest(level):
                self.assertEqual(self.mac(pressure=level).state()["throttled"], words)

    def test_the_accelerator_is_asked_no_more_often_than_every_few_seconds(self):
        now = [0.0]
        here, found = self.mac(clock=lambda: now[0]), []
        for now[0] in (0.0, 1.0, 2.5, 4.0, 4.5):
            found.append(len(here.accelerators()))
        self.assertEqual(found, [1, 0, 1, 0, 1])

    def test_an_accelerator_that_says_nothing_is_none(self):
        for text in (None, "", '"PerformanceState" = 1'):
            with self.subTest(text):
                self.assertEqual(self.mac(text).accelerators(), [])
        self.assertEqual(set(macos.accelerators('"PerformanceStatistics" = {"vram"=5}')[0].values()), {None})

    def test_an_older_machine_s_accelerator_tells_its_power(self):
        line = '"PerformanceStatistics" = {"Total Power(W)"=24,"GPU Activity(%)"=13,"Temperature(C)"=49}'
        self.assertEqual({name: value for name, value in macos.accelerators(line)[0].items() if value is not None},
                         {"busy_share": 0.13, "power_w": 24, "temperature_c": 49})

    def test_a_system_without_these_functions_is_null(self):
        here = macos.Mac(object(), object(), lambda: None)
        self.assertEqual(set(here.state().values()), {None})
        self.assertIsNone(here.swapped_bytes())
        self.assertIsNone(here.processor_ticks())


class Kernel:
    """Stands in for kernel32 and powrprof."""

    def __init__(self, mains: int = 1, limit: int = 3000, works: bool = True):
        self.mains, self.limit, self.works = mains, limit, works

    def GetSystemTimes(self, idle: object, kernel: object, user: object) -> int:
        idle._obj.value, kernel._obj.value, user._obj.value = 60, 80, 20
        return self.works

    def GlobalMemoryStatusEx(self, place: object) -> int:
        whole = len(place) == struct.unpack_from("=I", place.raw)[0] == 64
        place.raw = struct.pack("=2I7Q", 64, 50, 32_000, 16_000, 1, 2, 3, 4, 5)
        return self.works and whole

    def GetSystemPowerStatus(self, place: object) -> int:
        place.raw = struct.pack("=4B2I", self.mains, 1, 80, 0, 3600, 7200)
        return self.works

    def CallNtPowerInformation(self, level: int, given: None, given_size: int, place: object, size: int) -> int:
        struct.pack_into("=6I", place, 0, 0, 3000, 1800, self.limit, 1, 1)
        return 0 if self.works and (level, size) == (11, 24 * (os.cpu_count() or 1)) else -1


class WindowsOs(unittest.TestCase):
    def windows(self, **more: object) -> windows.Windows:
        return windows.Windows(Kernel(**more), Kernel(**more))

    def test_a_desktop_tells_what_the_system_shows_to_everybody(self):
        self.assertEqual(self.windows().state(), {"power_source": "ac", "free_memory_bytes": 16_000, "clock_mhz": 1800.0,
                                                  "throttled": []})
        self.assertEqual(self.windows().processor_ticks(), (40, 100))
        found = telemetry.Reader(self.windows()).read()
        self.assertEqual(schema.problems(found, "conditions"), [])
        self.assertEqual((found["free_memory_bytes"], found["swapped_in_bytes"], found["accelerators"]), (16_000, None, None))

    def test_power_in_words(self):
        for mains, source in ((0, "battery"), (1, "ac"), (255, None)):
            with self.subTest(mains):
                self.assertEqual(self.windows(mains=mains).state()["power_source"], source)

    def test_a_limit_below_the_highest_clock_is_a_reason(self):
        self.assertEqual(self.windows(limit=1800).state()["throttled"], ["clocks limited to 60%"])
        for processors, words in (([], None), ([(3000, 1, 3000), (3000, 1, 1500)], ["clocks limited to 50%"]),
                                  ([(3000, 1, 3100)], [])):
            with self.subTest(processors):
                self.assertEqual(windows.limits(processors), words)

    def test_functions_that_fail_or_are_not_there_are_null(self):
        for here in (self.windows(works=False), windows.Windows(object(), object())):
            with self.subTest(here):
                self.assertEqual(set(here.state().values()), {None})
                self.assertIsNone(here.processor_ticks())


class Libraries(unittest.TestCase):
    def test_one_that_is_not_there_is_none_and_its_functions_are_null(self):
        self.assertIsNone(library.opened("libno-such-thing.so.7"))
        for found in (None, object()):
            self.assertIsNone(library.ask(found, "anything", 1))


class Text(unittest.TestCase):
    def test_a_file_is_read_as_text_whatever_it_holds_and_is_null_if_it_cannot_be(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "temp")
            for data, text in ((b"45500\n", "45500"), (b"", ""), (b"\xff\xfe", "\ufffd\ufffd"), (b"7" * 70_000, "7" * 65_536)):
                with self.subTest(data[:10]):
                    path.write_bytes(data)
                    self.assertEqual(Files().text(str(path)), text)
            self.assertEqual(Files().find(f"{folder}/t*"), [str(path)])
            for missing in (str(path) + "x", folder):
                with self.subTest(missing=missing == folder):
                    self.assertIsNone(Files().text(missing))

    def test_a_number_is_a_whole_one_and_nothing_else(self):
        for text, value in (("5", 5), ("-5", -5), ("", None), (None, None), ("5 mW", None), ("0x5", None), ("9" * 19, None),
                            ("\u0665", None)):
            with self.subTest(text):
                self.assertEqual(number(Paper({"file": text}), "file"), value)


if __name__ == "__main__":
    unittest.main()
