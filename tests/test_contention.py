"""Contention: others' CPU time is all CPU time less the server's and the harness's, whatever a system reports."""
from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import unittest

import support  # noqa

from base import schema
from measure import telemetry
from measure.telemetry import contention, linux, processes
from measure.telemetry.contention import Contention, Listener
from measure.telemetry.processes import Process
from measure.telemetry.sysfs import Files

ME, SERVER, RUNNER, BROWSER = os.getpid(), 100, 101, 200


class FakeMachine:
    """Two CPUs whose programs use what a test says; all counters in seconds."""

    def __init__(self, others_s: float | None = 0.0, **names: str):
        self.now_s, self.busy_s, self.slept_s, self.waits = 1000.0, 50.0, 0.0, {"cpu": 1.0, "memory": 2.0}
        self.wall_s, self.reports_sleep = 5000.0, True
        self.table = {ME: Process(1, "python", 1, 1.0), SERVER: Process(1, "ollama", 2, 2.0),
                      RUNNER: Process(SERVER, "llama-server", 3, 30.0), BROWSER: Process(1, "firefox", 4, 9.0)}

    def run(self, seconds: float, **cpu_s: float) -> None:
        """Let time pass, in which each of these programs uses so much CPU time."""
        numbers = {"me": ME, "server": SERVER, "runner": RUNNER, "browser": BROWSER}
        for name, used_s in cpu_s.items():
            process = self.table.get(numbers[name])
            if process:
                self.table[numbers[name]] = process._replace(cpu_s=process.cpu_s + used_s)
            self.busy_s += used_s
        self.now_s += seconds
        self.wall_s += seconds

    # what Contention asks of a system and its processes
    def processor_ticks(self) -> tuple | None:
        return self.busy_s, 2 * self.now_s

    def waited_s(self) -> dict:
        return dict(self.waits)

    def suspended_s(self) -> float | None:
        return self.slept_s if self.reports_sleep else None

    def snapshot(self) -> dict:
        return dict(self.table)

    def read(self, number: int) -> Process | None:
        return self.table.get(number)


def watch(machine: FakeMachine, listener: int | None = SERVER) -> Contention:
    return Contention(machine, machine, lambda table: listener, lambda: machine.now_s, lambda: machine.wall_s, cpus=2)


class Shares(unittest.TestCase):
    def test_a_model_on_all_cores_is_no_contention_and_a_browser_beside_it_is(self):
        for name, used, share in (("idle", {}, 0.0), ("the model alone", {"runner": 2.0}, 0.0),
                                  ("the harness, the server and its runner", {"me": 0.2, "server": 0.3, "runner": 1.5}, 0.0),
                                  ("a browser on one core", {"runner": 1.0, "browser": 1.0}, 0.5),
                                  ("a browser alone", {"browser": 0.5}, 0.25)):
            machine = FakeMachine()
            watcher = watch(machine)
            watcher.begin()
            machine.run(1.0, **used)
            with self.subTest(name):
                self.assertEqual(watcher.end()["others_cpu_share"], share)

    def test_a_short_call_looks_back_beyond_its_start(self):
        machine = FakeMachine()
        watcher = watch(machine)
        watcher.begin()
        machine.run(0.05, browser=0.1)
        self.assertIsNone(watcher.end()["others_cpu_share"], "ten ticks are too few")
        for _ in range(10):
            watcher.begin()
            machine.run(0.05, browser=0.1)
            share = watcher.end()["others_cpu_share"]
        self.assertEqual(share, 1.0)

    def test_a_server_that_cannot_be_seen_leaves_no_share_and_the_session_says_why(self):
        machine = FakeMachine()
        del machine.table[SERVER], machine.table[RUNNER]
        watcher = watch(machine, None)
        self.assertEqual((watcher.method, watcher.unknown), (None, contention.NO_SERVER))
        watcher.begin()
        machine.run(1.0, browser=1.0)
        self.assertIsNone(watcher.end()["others_cpu_share"])

    def test_the_server_is_found_by_its_port_else_by_its_name_and_behind_a_proxy(self):
        for name, listener, servers in (("by its port", SERVER, {SERVER, RUNNER}), ("by its name", None, {SERVER, RUNNER}),
                                        ("behind a proxy", BROWSER, {SERVER, RUNNER, BROWSER})):
            machine = FakeMachine()
            watcher = watch(machine, listener)
            with self.subTest(name):
                self.assertEqual(watcher.own_numbers, servers | {ME})

    def test_a_runner_that_a_killed_server_left_behind_is_another_program(self):
        machine = FakeMachine()
        machine.table[300] = Process(1, "llama-server", 5, 7.0)
        self.assertNotIn(300, watch(machine).own_numbers)

    def test_what_an_ended_runner_had_used_stays_the_server_s(self):
        machine = FakeMachine()
        watcher = watch(machine)
        watcher.begin()
        machine.run(1.0, runner=1.0)
        watcher.end()
        del machine.table[RUNNER]
        watcher.begin()
        machine.run(1.0, browser=1.0)
        self.assertEqual(watcher.end()["others_cpu_share"], 0.5)

    def test_waiting_for_a_cpu_and_for_memory_are_shares_of_the_time(self):
        machine = FakeMachine()
        watcher = watch(machine)
        watcher.begin()
        machine.run(2.0)
        machine.waits = {"cpu": 2.0, "memory": 2.1}
        found = watcher.end()
        self.assertEqual((found["cpu_pressure"], found["memory_pressure"]), (0.5, 0.05))
        machine.waits = {}
        watcher.begin()
        machine.run(1.0)
        self.assertIsNone(watcher.end()["cpu_pressure"])

    def test_a_machine_that_slept_says_for_how_long(self):
        for name, reports, slept_s, wall_s, seconds in (
                ("two clocks", True, 60.0, 0.0, 60.0), ("the time of day leapt", False, 0.0, 60.0, 60.0),
                ("the time of day was corrected", False, 0.0, 3.0, 0.0)):
            machine = FakeMachine()
            machine.reports_sleep = reports
            watcher = watch(machine)
            watcher.begin()
            machine.run(1.0)
            machine.slept_s, machine.wall_s = slept_s, machine.wall_s + wall_s
            with self.subTest(name):
                self.assertEqual(watcher.end()["suspended_s"], seconds)

    def test_every_reading_is_a_valid_record(self):
        machine = FakeMachine()
        reader = telemetry.Reader(linux.Linux(NoFiles()), contention=watch(machine))
        reader.begin()
        machine.run(1.0, browser=1.0)
        self.assertEqual(schema.problems(reader.read(), "conditions"), [])


class Listeners(unittest.TestCase):
    def test_the_listener_is_looked_for_again_when_it_has_ended_and_not_at_each_call(self):
        now_s, asked = [0.0], []

        def find(port: int) -> str | None:
            asked.append(port)
            return "100" if len(asked) > 1 else None
        listener = Listener(11434, find, lambda: now_s[0])
        self.assertIsNone(listener({100: None}))
        self.assertIsNone(listener({100: None}))
        now_s[0] = 60.0
        self.assertEqual([listener({100: None}), listener({100: None})], [100, 100])
        self.assertEqual(len(asked), 2)


class NoFiles(Files):
    def names(self, folder: str) -> list:
        return []

    def find(self, pattern: str) -> list:
        return []

    def text(self, path: str) -> str | None:
        return None


class ProcFiles(NoFiles):
    def __init__(self, table: dict):
        self.table, self.reads = table, []

    def names(self, folder: str) -> list:
        return [*map(str, self.table), "self", "cpuinfo"]

    def text(self, path: str) -> str | None:
        self.reads.append(path)
        parent, name, ticks, started = self.table.get(int(path.split("/")[2]), (None,) * 4)
        if parent is None:
            return None
        return f"7 ({name}) S {parent} " + " ".join(["0"] * 9) + f" {ticks} 5 0 0 20 0 1 0 {started} 0 0"


@unittest.skipUnless(hasattr(os, "sysconf"), "needs os.sysconf, for the ticks of the clock")
class OnLinux(unittest.TestCase):
    def test_a_process_s_line_is_read_whatever_its_name_holds(self):
        files = ProcFiles({5: (1, "tmux: (a) b", 95, 33), 6: (5, "x) S 1 (", 0, 34)})
        found = processes.LinuxProcesses(files).snapshot()
        self.assertEqual((found[5].parent, found[5].name, found[5].started), (1, "tmux: (a) b", 33))
        self.assertAlmostEqual(found[5].cpu_s, 100 / os.sysconf("SC_CLK_TCK"))
        self.assertEqual((found[6].parent, found[6].name), (5, "x) S 1 ("))

    def test_only_new_processes_are_read_again_until_one_has_ended(self):
        files = ProcFiles({5: (1, "a", 0, 1), 6: (5, "b", 0, 1)})
        reader = processes.LinuxProcesses(files)
        reader.snapshot()
        files.reads.clear()
        files.table[7] = (5, "c", 0, 1)
        self.assertEqual((len(reader.snapshot()), files.reads), (3, ["/proc/7/stat"]))
        files.table[6] = (1, "b", 0, 1)
        del files.table[5]
        self.assertEqual(reader.snapshot()[6].parent, 1)


class FakeMac:
    """libSystem with two processes; times in units of 125/3 ns, as on Apple silicon."""

    def mach_timebase_info(self, base: object) -> int:
        base[0], base[1] = 125, 3
        return 0

    def proc_listallpids(self, numbers: object, size: int) -> int:
        if numbers is not None:
            numbers[0], numbers[1] = 5, 6
        return 2

    def proc_pidinfo(self, number: int, flavour: int, argument: object, place: object, size: int) -> int:
        if number == 6:
            return 0        # it has just ended
        words = [0, 0, 0, 5, 1] + [0] * 7
        place.raw = processes.BSD_INFO.pack(*words, b"ollama", b"ollama", *[0] * 6, 1_700_000_000, 7)
        return size

    def proc_pid_rusage(self, number: int, flavour: int, place: object) -> int:
        place.raw = (b"\0" * 16 + struct.pack("=2Q", 24_000_000, 12_000_000)).ljust(512, b"\0")
        return 0


class OnMacs(unittest.TestCase):
    def test_names_parents_and_times_come_from_the_system_s_records(self):
        found = processes.MacProcesses(FakeMac()).snapshot()
        self.assertEqual(found.keys(), {5})
        self.assertEqual(found[5][:3], (1, "ollama", 1_700_000_000_000_007))
        self.assertAlmostEqual(found[5].cpu_s, 1.5)

    def test_the_records_are_as_long_as_the_system_s(self):
        self.assertEqual((processes.BSD_INFO.size, processes.RUSAGE.size), (136, 96))


class FakeWindows:
    """kernel32 with two processes, of which the second is not for us."""
    rows = [(4, 0, "System"), (900, 4, "ollama.exe"), (901, 900, "llama-server.exe")]

    def CreateToolhelp32Snapshot(self, flags: int, number: int) -> int:
        self.position = 0
        return 77

    def Process32FirstW(self, handle: object, entry: object) -> int:
        return self.Process32NextW(handle, entry)

    def Process32NextW(self, handle: object, entry: object) -> int:
        if self.position == len(self.rows):
            return 0
        row = entry._obj
        row.number, row.parent, name = self.rows[self.position]
        row.name[:] = [ord(letter) for letter in name.ljust(260, "\0")]
        self.position += 1
        return 1

    def OpenProcess(self, access: int, inherit: int, number: int) -> int:
        return 0 if number == 4 else number

    def GetProcessTimes(self, handle: object, *times: object) -> int:
        for place, value in zip(times, (123, 0, 10_000_000, 25_000_000)):
            place._obj.value = value
        return 1

    def CloseHandle(self, handle: object) -> int:
        return 1


class OnWindows(unittest.TestCase):
    def test_every_process_is_listed_and_times_are_of_those_that_may_be_asked(self):
        found = processes.WindowsProcesses(FakeWindows()).snapshot()
        self.assertEqual(found, {4: Process(0, "System", 0, 0.0), 900: Process(4, "ollama.exe", 123, 3.5),
                                 901: Process(900, "llama-server.exe", 123, 3.5)})
        self.assertTrue(contention.is_server("Ollama.exe") and contention.is_server("ollama app.exe"))

    def test_the_server_s_time_is_taken_off_there_as_well(self):
        """WindowsProcesses once had no `read`, and the first call of a run with a server that can be seen was a crash."""
        watcher = Contention(FakeMachine(), processes.WindowsProcesses(FakeWindows()), lambda table: 900)
        self.assertEqual((watcher.unknown, watcher.own_numbers, watcher._own_s()), (None, {900, 901}, 7.0))

    def test_the_record_is_as_long_as_the_system_s(self):
        entry = processes.WindowsProcesses(FakeWindows())._entry
        self.assertEqual(ctypes.sizeof(entry), 568 if ctypes.sizeof(ctypes.c_void_p) == 8 else 556)


BUSY = "import time\nwhile time.process_time() < 0.4: pass\nprint(flush=True)\nimport sys; sys.stdin.read()"
ORPHAN = f"import os\nif os.fork(): os._exit(0)\n{BUSY}"


@unittest.skipUnless(sys.platform.startswith("linux"), "needs /proc")
class Real(unittest.TestCase):
    """No share of this machine's time is asserted: what else runs here is not known. The CPU time is."""

    def own_s(self, code: str) -> float:
        watcher = Contention(linux.Linux(), processes.LinuxProcesses(), lambda table: ME)
        before = watcher._own_s()
        with subprocess.Popen([*support.PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            used_s = watcher._own_s() - before
            process.stdin.close()
        return used_s

    def test_a_busy_child_is_own_and_a_busy_stranger_is_not(self):
        self.assertGreater(self.own_s(BUSY), 0.3)
        self.assertLess(self.own_s(ORPHAN), 0.3)

    def test_this_system_s_counters_are_read(self):
        watcher = Contention(linux.Linux(), processes.LinuxProcesses(), lambda table: ME)
        self.assertIsNone(watcher.unknown)
        watcher.begin()
        self.assertEqual(watcher.end()["suspended_s"], 0.0)


if __name__ == "__main__":
    unittest.main()
