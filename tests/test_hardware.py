"""The hardware: the facts of every sample machine are right, nothing private is kept, and no tool can do harm."""
from __future__ import annotations

import functools
import random
import re
import unittest
from unittest import mock

import support
import fake_machine
from machine_facts import EXPECTED

from base import facts, json_text, names, schema, sensitive
from measure import hardware
from measure.hardware import bandwidth, cgroups, gpu, instructions, machine, memory, ollama, pci, text_parsing
from measure.hardware.machine import Machine, Platform

GIB = 2 ** 30
# What stands in the samples and must stand in no record.
SECRETS = re.compile(r"\banas?\b|anas-|DESKTOP-|gpu01|u0_a217|bench-7d9f|4f1c9a7b|SN-4815|8a3f7c5e|0D94A7F|3f2b9d44|7d1e0c2b|"
                     r"abcd1234|5f1a3bc8|1287455662|9c2f0e6d|3f9a1c77|C02XK|fd626d62|23789667|21168227|82D1A6F|80CE01|3A110FD|"
                     r"9C1D27E0|10\.96\.0\.1|0000:..:00", re.IGNORECASE)


def probe(name_or_machine: object, **more: object) -> dict:
    there = fake_machine.load(name_or_machine) if isinstance(name_or_machine, str) else name_or_machine
    return hardware.probe(there, "0.33.0", **more)


@functools.lru_cache(maxsize=None)
def sample(name: str) -> dict:
    """The record of a sample machine, which no test changes."""
    return probe(name)


def values(record: dict) -> dict:
    return {where: fact["value"] for where, fact in facts.walk(record) if where != "accelerators"}


class Samples(unittest.TestCase):
    def test_every_sample_is_expected(self):
        self.assertEqual(sorted(EXPECTED), fake_machine.NAMES)

    def test_the_facts_of_each_machine_are_right(self):
        for name, (_, count, expected) in EXPECTED.items():
            record = sample(name)
            found = values(record)
            self.assertEqual(len(record["accelerators"]["value"] or []), count, name)
            for where, value in expected.items():
                with self.subTest(f"{name} {where}"):
                    self.assertEqual(found[where], value)

    def test_every_record_is_what_its_fields_say_and_every_null_has_a_reason(self):
        for name in fake_machine.NAMES:
            with self.subTest(name):
                record = sample(name)
                self.assertEqual(schema.problems(record, "hardware"), [])
                self.assertEqual(facts.problems(record), [])
                self.assertEqual(json_text.loads(json_text.pretty(record)), record)

    def test_serial_numbers_uuids_names_and_addresses_stay_where_they_are(self):
        for name in fake_machine.NAMES:
            with self.subTest(name):
                text = json_text.pretty(sample(name)).decode("ascii")
                self.assertEqual([found for _, found in sensitive.find(text)], [])
                self.assertIsNone(SECRETS.search(text))

    def test_the_samples_do_hold_what_must_be_left_out(self):
        held = "".join(path.read_text(encoding="utf-8") for path in fake_machine.FOLDER.glob("*.txt"))
        self.assertGreater(len({found.lower() for found in SECRETS.findall(held)}), 20)
        self.assertGreater(len({kind.id for kind, _ in sensitive.find(held)}), 3)

    def test_the_tag_is_one_that_a_person_would_choose(self):
        for name, (expected, _, _) in EXPECTED.items():
            with self.subTest(name):
                self.assertEqual(hardware.suggest_device_tag(fake_machine.load(name)), expected)
                self.assertIsNone(names.device_tag_problem(expected))

    def test_a_server_elsewhere_leaves_this_machine_unlooked_at(self):
        record = probe("linux-nvidia", loopback=False)
        self.assertFalse(record["probed"])
        self.assertIn("not on this machine", record["why_not_probed"])
        self.assertEqual({name for name, value in record.items() if value is None},
                         {"system", "cpu", "memory", "accelerators", "power", "surroundings", "ollama", "copy_bandwidth"})
        self.assertEqual(record["sources"], [])
        self.assertEqual(schema.problems(record, "hardware"), [])


class Trouble(unittest.TestCase):
    def everything_says(self, said: str, system: str) -> dict:
        tools = {"...": said}
        files = dict.fromkeys([
            "/proc/cpuinfo", "/etc/os-release", "/proc/meminfo", "/run/udev/data/+dmi:id", "/sys/bus/pci/devices/0000:01:00.0/uevent",
            "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max", "/proc/self/cgroup", "/sys/class/power_supply/BAT0/status",
            "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "/sys/devices/cpu_core/cpus", "/sys/devices/cpu_atom/cpus",
            "/sys/devices/system/cpu/cpu0/cpu_capacity", "/sys/class/kfd/kfd/topology/nodes/0/properties", "/proc/net/tcp",
            "/sys/devices/system/memory/block_size_bytes", "/sys/class/drm/renderD128/device/uevent",
            "/proc/driver/nvidia/gpus/0000:01:00.0/information", "/proc/driver/nvidia/version"], said)
        return probe(fake_machine.machine(Platform(system, environment={"TERMUX_VERSION": said[:20]}), files, tools))

    def test_whatever_the_tools_say_a_record_comes_out_that_its_fields_take(self):
        chance = random.Random(11)
        alphabet = "0123456789abcdefx:=,.-_[]{}()\"'\\/ \t\n\0\u00e9\u4e2d\u202e\ud7ff%@GPU"
        noise = ["".join(chance.choices(alphabet, k=300)) for _ in range(60)]
        for said in ["", "\0", "[]", "{}", "[[[", "null", "{\"lscpu\": 5}", "[1, [2], null]", "\ufffd" * 50, "GPU0:\n" * 9,
                     "9" * 400, "\n" * 10_000, "[" * 100_000,
                     "N/A, N/A, N/A, N/A, N/A", "0000:01:00.0, , -1, , 1e999", "=\n:\n= =", "+-o \n", "\u7cfb\u7edf: \u9519\u8bef",
                     "{\"card0\": {\"Card Series\": 5}, \"system\": 7}", "[{\"asic\": {}, \"vram\": [], \"limit\": \"N/A\"}]",
                     "{\"video\": [{\"Name\": 5}, {\"Name\": \"x\", \"AdapterRAM\": -1}], \"adapters\": {\"DriverDesc\": \"x\"}}",
                     "{\"SPDisplaysDataType\": [{\"sppci_model\": \"x\", \"spdisplays_vram\": \"999999999999999 TB\"}]}", *noise]:
            for system in ("linux", "darwin", "windows", "freebsd", ""):
                with self.subTest(f"{system} {said[:30]!r}"):
                    record = self.everything_says(said, system)
                    self.assertEqual(schema.problems(record, "hardware") + facts.problems(record), [])
                    self.assertTrue(json_text.pretty(record).isascii())

    def test_a_tool_that_hangs_fails_or_is_not_there_is_a_reason_and_no_error(self):
        for said, word in (("(late)", "took longer than"), ("(failed)", "failed"), ("(too-much)", "printed too much")):
            for system, where in (("linux", "memory.type"), ("darwin", "system.version"), ("windows", "cpu.model")):
                with self.subTest(f"{said} {system}"):
                    record = probe(fake_machine.machine(Platform(system), {}, {"...": said}))
                    fact = dict(facts.walk(record))[where]
                    self.assertIsNone(fact["value"])
                    self.assertIn(word, fact["why"])
                    self.assertEqual({source["outcome"] for source in record["sources"]}, {said[1:-1]})
        self.assertIn("no dmidecode here", probe(fake_machine.machine())["memory"]["type"]["why"])

    def test_a_value_that_the_checker_would_refuse_is_left_out_with_the_reason(self):
        for system_name in ("anas-mac.local", "at 192.168.1.7", "3c:22:fb:01:02:03", "Serial Number: C02XK0AAJG5J",
                            "7d1e0c2b-4a55-4c0e-9b0a-2f6f3f0a9c11", "/home/ana/os", "ana@mail.org"):
            with self.subTest(system_name):
                record = probe(fake_machine.machine(files={"/etc/os-release": f"NAME=\"{system_name}\"\n"}))
                self.assertIsNone(record["system"]["name"]["value"])
                self.assertIn("which is not kept", record["system"]["name"]["why"])
                self.assertEqual([*sensitive.find(json_text.dumps(record))], [])

    def test_a_kernel_that_carries_a_name_is_told_by_its_number_alone(self):
        for kernel, own, told in (("6.9.1-anas-box", ("anas-box",), "6.9.1"), ("6.9.1-ana", ("x", "Ana"), "6.9.1"),
                                  ("6.9.1-generic", ("anas-box", "ana"), "6.9.1-generic"), ("6.9.1", (), "6.9.1"),
                                  ("5.15.153.1-microsoft-standard-WSL2", ("ana",), "5.15.153.1-microsoft-standard-WSL2")):
            with self.subTest(kernel):
                record = probe(fake_machine.machine(Platform("linux", kernel=kernel, own_words=own)))
                self.assertEqual(record["system"]["kernel"]["value"], told)


class Memory(unittest.TestCase):
    def usable(self, total: int | None, files: dict) -> dict:
        return hardware.memory.usable(fake_machine.machine(Platform("linux", memory_bytes=total), files))

    def test_the_limit_of_a_container_counts_where_it_is_less(self):
        second, first = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
        for files, found in (({}, 8 * GIB), ({second: "max\n"}, 8 * GIB), ({second: f"{2 * GIB}\n"}, 2 * GIB),
                             ({first: str(3 * GIB), "/proc/self/cgroup": "4:memory:/"}, 3 * GIB),
                             ({first: "9223372036854771712", "/proc/self/cgroup": "4:memory:/"}, 8 * GIB),
                             ({second: ""}, 8 * GIB), ({second: "-1"}, 8 * GIB), ({second: "lots"}, 8 * GIB),
                             ({second: str(9 * GIB)}, 8 * GIB)):
            with self.subTest(files):
                self.assertEqual(self.usable(8 * GIB, files)["value"], found)

    def test_the_tightest_limit_of_nested_groups_counts_and_others_ways_are_not_followed(self):
        root = "/sys/fs/cgroup"
        for own, files, found in (
                ("0::/a/b", {f"{root}/a/b/memory.max": "max", f"{root}/a/memory.max": "500", f"{root}/memory.max": "900"}, 500),
                ("0::/a/b", {f"{root}/a/b/memory.max": "300", f"{root}/a/memory.max": "500"}, 300),
                ("0::/../../x", {f"{root}/x/memory.max": "300", f"{root}/memory.max": "400"}, 300),
                ("3:cpu:/c\n0::/a", {f"{root}/c/memory.max": "300", f"{root}/a/memory.max": "400"}, 400),
                ("nonsense", {f"{root}/memory.max": "400"}, None)):
            with self.subTest(own):
                there = fake_machine.machine(files={**files, "/proc/self/cgroup": own})
                self.assertEqual(cgroups.memory_limit(there)[0], found)

    def test_without_a_total_the_limit_alone_tells_nothing(self):
        self.assertIsNone(self.usable(None, {"/sys/fs/cgroup/memory.max": str(2 * GIB)})["value"])

    def test_a_model_may_be_spread_over_main_memory_and_the_cards_that_compute(self):
        for name, graphics in (("linux-nvidia", (24564 << 20) + (512 << 20)), ("mac-m1", 0), ("container-v2", 0),
                               ("two-gpus", 2 * (81559 << 20))):
            with self.subTest(name):
                there = fake_machine.load(name)
                self.assertEqual(hardware.model_memory_bytes(there), memory.usable(there)["value"] + graphics)
        self.assertIsNone(hardware.model_memory_bytes(fake_machine.machine()))

    def test_this_machine_has_some(self):
        self.assertGreater(hardware.model_memory_bytes(), GIB // 8)
        self.assertIsNone(names.device_tag_problem(hardware.suggest_device_tag()))


class Bandwidth(unittest.TestCase):
    def test_the_buffers_outgrow_the_cache_and_leave_most_of_the_memory_alone(self):
        mib = 1 << 20
        for free, cache, size in ((64 * GIB, 32 * mib, 128 * mib), (64 * GIB, 96 * mib, 384 * mib),
                                  (64 * GIB, 1024 * mib, None),
                                  (64 * GIB, 256 * mib, 512 * mib), (64 * GIB, None, 128 * mib), (GIB, None, 128 * mib),
                                  (GIB // 2, 2 * mib, 64 * mib), (100 * mib, 2 * mib, 100 * mib // 8),
                                  (60 * mib, 2 * mib, None),
                                  (200 * mib, None, None), (0, 1, None), (None, None, None)):
            with self.subTest(free=free, cache=cache):
                self.assertEqual(bandwidth.buffer_bytes(free, cache), size)

    def test_a_byte_that_is_copied_is_read_once_and_written_once(self):
        there = fake_machine.machine(files={"/proc/meminfo": "MemAvailable: 8388608 kB"},
                                     copy=lambda size_bytes: (size_bytes, 7))      # one byte each nanosecond
        found = bandwidth.read(there)
        self.assertEqual(found["bytes_s"]["value"], 2_000_000_000)
        self.assertEqual((found["buffer_bytes"], found["n"], found["threads"]), (128 << 20, 7, 1))

    def test_where_it_cannot_be_measured_it_is_null_with_the_reason(self):
        def refused(size_bytes: int) -> tuple:
            raise MemoryError
        plenty = {"/proc/meminfo": "MemAvailable: 8388608 kB"}
        for files, copy, word in (({}, None, "too little"), ({"/proc/meminfo": "MemAvailable: 1000 kB"}, None, "too little"),
                                  (plenty, refused, "refused the memory"), (plenty, lambda size_bytes: (0, 3), "too coarse")):
            with self.subTest(word):
                found = bandwidth.read(fake_machine.machine(files=files, copy=copy))
                self.assertIsNone(found["bytes_s"]["value"])
                self.assertIn(word, found["bytes_s"]["why"])

    def test_what_a_container_has_left_is_all_that_there_is(self):
        there = fake_machine.load("container-v2")
        self.assertEqual(hardware.memory.free_bytes(there), 15 * GIB)

    def test_copies_go_on_for_half_a_second_and_the_fastest_counts(self):
        for step_ns, copies in ((1_000_000, 250), (100_000_000, 3), (3_000_000_000, 1)):
            with self.subTest(step_ns=step_ns):
                ticks = iter(range(0, 10 ** 14, step_ns))
                fastest, count = machine.copy(1024, lambda: next(ticks))
                self.assertEqual(fastest, step_ns)
                self.assertLessEqual(count, copies)
                self.assertGreater(count, copies // 3)

    def test_the_copy_is_a_real_one(self):
        with mock.patch.object(machine, "TIMED_NS", 1_000_000):
            fastest_ns, count = machine.copy(1 << 16)
        self.assertGreater(fastest_ns, 0)
        self.assertGreaterEqual(count, 3)


class Ollama(unittest.TestCase):
    def test_only_settings_are_told_and_only_values_that_are_nothing_else(self):
        for entry, told in (
                ("OLLAMA_NUM_PARALLEL=4", {"OLLAMA_NUM_PARALLEL": "4"}),
                ("OLLAMA_KEEP_ALIVE=-1", {"OLLAMA_KEEP_ALIVE": "-1"}),
                ("OLLAMA_KEEP_ALIVE=5m", {"OLLAMA_KEEP_ALIVE": "5m"}),
                ("OLLAMA_FLASH_ATTENTION=True", {"OLLAMA_FLASH_ATTENTION": "True"}),
                ("OLLAMA_LLM_LIBRARY=cuda_v12", {"OLLAMA_LLM_LIBRARY": "cuda_v12"}),
                ("CUDA_VISIBLE_DEVICES=0,1", {"CUDA_VISIBLE_DEVICES": "0,1"}),
                ("HSA_OVERRIDE_GFX_VERSION=10.3.0", {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}),
                ("OLLAMA_KV_CACHE_TYPE=q4_0", {"OLLAMA_KV_CACHE_TYPE": "q4_0"}),
                ("OLLAMA_GPU_OVERHEAD=1073741824", {"OLLAMA_GPU_OVERHEAD": "1073741824"}),
                ("ROCR_VISIBLE_DEVICES=GPU-5f1a", {"ROCR_VISIBLE_DEVICES": "set"}),
                ("OLLAMA_MODELS=/data", {"OLLAMA_MODELS": "set"}), ("OLLAMA_HOST=10.0.0.3", {"OLLAMA_HOST": "set"}),
                ("OLLAMA_HOST=0.0.0.0", {"OLLAMA_HOST": "set"}), ("OLLAMA_ORIGINS=nas", {"OLLAMA_ORIGINS": "set"}),
                ("OLLAMA_DEBUG=", {"OLLAMA_DEBUG": "set"}),
                ("GGML_VK_VISIBLE_DEVICES=0", {"GGML_VK_VISIBLE_DEVICES": "0"}),
                ("OLLAMA_AUTH=ana\n1", {"OLLAMA_AUTH": "set"}),
                ("HOME=/home/ana", {}), ("PATH=1", {}), ("XOLLAMA_A=1", {}), ("OLLAMA_a=1", {}), ("OLLAMA_X", {}),
                ("", {}), ("=1", {})):
            with self.subTest(entry):
                self.assertEqual(ollama.recorded_variables(f"A=1\0{entry}\0"), told)
        self.assertEqual(len(ollama.recorded_variables("\0".join(f"OLLAMA_X{n}=1" for n in range(999)))), ollama.MAX_VARIABLES)

    ROW = "  0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0\n"

    def found(self, comm: str | None = "ollama\n", environ: str | None = "OLLAMA_DEBUG=1\0", state: str = "0A", port: int = 11434,
              table: str = "tcp", inode: int = 77) -> dict:
        files = {f"/proc/net/{table}": "head\n" + self.ROW.format(port=port, state=state, inode=77), "/proc/9/comm": "sh\n"}
        files.update({f"/proc/12/{name}": text for name, text in (("comm", comm), ("environ", environ)) if text is not None})
        there = fake_machine.machine(files=files, links={"/proc/12/fd/3": f"socket:[{inode}]", "/proc/9/fd/0": "/dev/null"})
        return ollama.read(there, "0.33.0", 11434)

    def test_the_listener_is_found_whatever_separates_paths_and_outside_linux_nobody_looks(self):
        """Windows' glob joins what it finds with backslashes; the first look-up there ended with an IndexError."""
        files = {"/proc/net/tcp": "head\n" + self.ROW.format(port=11434, state="0A", inode=77), "/proc/12/comm": "ollama\n"}
        slashes = fake_machine.machine(files=files, links={"/proc/12/fd/3": "socket:[77]"})

        def paths(pattern: str) -> list:
            return [path.replace("/", "\\") for path in slashes.paths(pattern.replace("\\", "/"))]
        for system, process in (("linux", "12"), ("windows", None), ("darwin", None)):
            there = Machine(Platform(system), lambda words, limit_s: None, lambda path: slashes.read(path.replace("\\", "/")), paths,
                            lambda path: slashes.link(path.replace("\\", "/")), slashes.copy)
            with self.subTest(system):
                self.assertEqual(ollama.listening_process(there, 11434), process)

    def test_the_process_is_the_one_that_really_listens(self):
        for what, found, process, environment, word in (
                ("its own", self.found(), "ollama", {"OLLAMA_DEBUG": "1"}, ""),
                ("by IPv6", self.found(table="tcp6"), "ollama", {"OLLAMA_DEBUG": "1"}, ""),
                ("a tunnel", self.found("ssh\n"), "ssh", None, "not ollama itself"),
                ("unreadable", self.found(environ=None), "ollama", None, "cannot be read"),
                ("another user's", self.found(inode=78), None, None, "another user"),
                ("another port", self.found(port=80), None, None, "no process"),
                ("a client", self.found(state="01"), None, None, "no process")):
            with self.subTest(what):
                self.assertEqual(found["process"]["value"], process)
                self.assertEqual(found["environment"]["value"], environment)
                self.assertIn(word, found["environment"].get("why", ""))

    def test_a_version_that_is_none_is_unknown(self):
        for version, value in (("0.33.0", "0.33.0"), (None, None), ("", None), ("0.1\x1b[2J\n" * 40, "0.1 [2J")):
            with self.subTest(version):
                found = ollama.read(fake_machine.machine(), version, 11434)["version"]["value"]
                self.assertEqual(found and found[:len("0.1 [2J")], value and value[:len("0.1 [2J")])


class Sources(unittest.TestCase):
    def test_texts(self):
        for read, cases in {
            text_parsing.line: ((" a  b\n", "a b"), ("", None), ("N/A", None), ("To Be Filled By O.E.M.", None), (5, None),
                         ("\x00", None),
                         ("x" * 500, "x" * 120), ("a\x1b[2J", "a [2J")),
            text_parsing.whole: (("7", 7), (" 7\n", 7), ("-7", None), ("7.5", None), ("", None), ("9" * 19, None), (7, 7),
                          (True, None), (2 ** 63, None),
                          (None, None), ("\u0667", None)),
            text_parsing.number: (("7.25", 7.25), ("450.00 W", 450.0), ("[N/A]", None), ("nan", None), ("1e999", None),
                           (3400, 3400.0), ("-1", None)),
            text_parsing.size_bytes: (("8 GB", 8 * GIB), ("1536 MB", 1536 << 20), ("32768K", 32 << 20), ("5 kB", 5120), ("7", 7),
                               ("lots", None),
                               ("8 GiB", 8 * GIB), (None, None), ("-1 GB", None)),
            text_parsing.numbered: (("0-3,8", [0, 1, 2, 3, 8]), ("5", [5]), ("", []), ("a", []), ("3-1", []), (None, []),
                             ("0-99999999", [])),
            text_parsing.json: (("{}", {}), ("warning\n[1]", [1]), ("x", None), ("{\"a\": NaN}", None), ("{", None), (None, None)),
            pci.product: (("AD102 [GeForce RTX 4090]", "GeForce RTX 4090"), ("Raphael", "Raphael"), ("", None), (None, None),
                          ("Navi 31 [RX 7900 XT/7900 XTX]", "Navi 31 [RX 7900 XT/7900 XTX]"),
                          ("TU117M [GeForce GTX 1650 Mobile / Max-Q]", "GeForce GTX 1650 Mobile"),
                          ("AD107M [GeForce RTX 4060 Max-Q / Mobile]", "GeForce RTX 4060 Laptop GPU"),
                          ("GA107M [GeForce RTX 3050 Ti Mobile]", "GeForce RTX 3050 Ti Laptop GPU")),
            gpu.slot: (("00000000:01:00.0", "0000:01:00.0"), ("0000:2D:00.0", "0000:2d:00.0"), ("N/A", None),
                         (None, None), ("01:00.0", None)),
        }.items():
            for text, found in cases:
                with self.subTest(f"{read.__name__} {str(text)[:30]!r}"):
                    self.assertEqual(read(text), found)

    def test_without_powershell_the_registry_names_the_processor(self):
        for name, model in (("AMD Ryzen 7 5800X 8-Core Processor   ", "AMD Ryzen 7 5800X 8-Core Processor"), (None, None)):
            record = probe(fake_machine.machine(Platform("windows", cpu_name=name, logical_cores=8)))
            self.assertEqual(record["cpu"]["model"]["value"], model)
            self.assertEqual(record["cpu"]["logical_cores"]["value"], 8)

    def test_windows_numbers_and_risc_v_words_have_names(self):
        found = Platform("windows", windows_features=frozenset([3, 19, 43, 47]))
        self.assertEqual(instructions.from_windows(found)["value"], ["NEON", "dotprod", "SVE2"])
        self.assertIsNone(instructions.from_windows(Platform("windows"))["value"])
        self.assertEqual(instructions.from_cpuinfo({"isa": "rv64imafdcv_zicsr"})["value"], ["RVV"])
        self.assertEqual(instructions.from_cpuinfo({"flags": "fpu"})["value"], [])

    def test_a_card_without_a_driver_computes_nothing_and_one_without_tools_may(self):
        place = "/sys/bus/pci/devices/0000:01:00.0/uevent"
        for driver, interface in (("", "none"), ("DRIVER=vfio-pci\n", "none"), ("DRIVER=nouveau\n", None)):
            with self.subTest(driver):
                record = probe(fake_machine.machine(files={place: f"{driver}PCI_CLASS=30000\nPCI_ID=10DE:1C03\n"}))
                self.assertEqual(record["accelerators"]["value"][0]["interface"]["value"], interface)

    def test_a_tool_that_tells_no_slot_is_still_matched_with_a_card_of_its_maker(self):
        said = '{"card0": {"Card Series": "Radeon VII"}, "card1": {"Card Series": "Radeon RX 580"}}'
        files = {f"/sys/bus/pci/devices/0000:0{n}:00.0/uevent": "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:66AF\n" for n in (3, 4)}
        for there, count in (({}, 2), (files, 2), (dict(list(files.items())[:1]), 2)):
            with self.subTest(len(there)):
                found = probe(fake_machine.machine(files=there, tools={"rocm-smi ...": said}))["accelerators"]["value"]
                self.assertEqual([card["name"]["value"] for card in found], ["Radeon VII", "Radeon RX 580"])

    def test_without_nvidia_smi_the_driver_s_files_tell(self):
        files = {"/proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA GeForce RTX 3090\nGPU UUID: \t GPU-7d1e\n",
                 "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  555.42.02  Release Build\n"}
        for tools, interface in (({}, "cuda"), ({"nvidia-smi ...": "(failed)"}, None)):     # there, and at odds with the driver
            card = probe(fake_machine.machine(files=files, tools=tools))["accelerators"]["value"][0]
            self.assertEqual([card[name]["value"] for name in ("name", "driver", "interface")],
                             ["NVIDIA GeForce RTX 3090", "555.42.02", interface])

    def test_without_system_profiler_ioreg_tells(self):
        said = ('+-o AGXAcceleratorG13G  <class AGXAcceleratorG13G>\n    {\n      "model" = "Apple M1"\n'
                '      "gpu-core-count" = 7\n    }\n')
        card = probe(fake_machine.machine(Platform("darwin"), {}, {"ioreg ...": said}))["accelerators"]["value"][0]
        self.assertEqual([card[name]["value"] for name in ("name", "cores", "interface")], ["Apple M1", 7, "metal"])

    def test_where_the_power_comes_from(self):
        supply = "/sys/class/power_supply"
        for what, files, source in (
                ("a laptop that charges", {"BAT0/status": "Charging\n", "AC/online": "1\n"}, "ac"),
                ("a mouse's battery", {"hid/status": "Discharging", "hid/scope": "Device"}, None),
                ("one of two empties", {"BAT0/status": "Full", "BAT1/status": "Discharging\n", "AC/online": "1"}, "battery"),
                ("nothing", {}, None)):
            with self.subTest(what):
                there = fake_machine.machine(files={f"{supply}/{name}": text for name, text in files.items()})
                self.assertEqual(probe(there)["power"]["source"]["value"], source)
        for status, source in ((1, "battery"), (2, "ac"), (6, "ac"), (3, None)):
            with self.subTest(status=status):
                said = f'{{"battery": [{{"BatteryStatus": {status}}}]}}'
                there = fake_machine.machine(Platform("windows"), {}, {"powershell ...": said})
                self.assertEqual(probe(there)["power"]["source"]["value"], source)

    def test_what_stands_around_the_system(self):
        for what, files, more, where, value in (
                ("podman", {"/run/.containerenv": ""}, {}, "container", "podman"),
                ("lxc", {"/run/systemd/container": "lxc\n"}, {}, "container", "lxc"),
                ("a path of a container", {"/proc/self/cgroup": "4:memory:/docker/4f1c"}, {}, "container", "docker"),
                ("WSL1", {}, {"kernel": "4.4.0-19041-Microsoft"}, "wsl", "WSL1"),
                ("firmware", {"/sys/class/dmi/id/sys_vendor": "QEMU", "/sys/class/dmi/id/product_name": "Standard PC (Q35)"}, {},
                 "virtual_machine", "QEMU Standard PC (Q35)"),
                ("a flag", {"/proc/cpuinfo": "flags : hypervisor"}, {}, "virtual_machine", "a virtual machine"),
                ("Termux by its folder", {}, {"environment": {"PREFIX": "/data/data/com.termux/files/usr"}}, "termux", "Termux")):
            with self.subTest(what):
                found = probe(fake_machine.machine(Platform("linux", **more), files))
                self.assertEqual(found["surroundings"][where]["value"], value)


if __name__ == "__main__":
    unittest.main()
