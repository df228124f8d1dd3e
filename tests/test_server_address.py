"""The target: where the server is, by Ollama's own rules, and that no password is ever shown."""
from __future__ import annotations

import socket
import unittest
from unittest import mock

import support

from base.errors import USAGE, UserError
from measure import own_address
from measure.server_address import find_target, parse_host


class Address(unittest.TestCase):
    def test_ollama_host_is_read_as_ollama_reads_it(self):
        for text, url in {
            "": "http://127.0.0.1:11434", "1.2.3.4": "http://1.2.3.4:11434", "http://1.2.3.4": "http://1.2.3.4:80",
            "https://1.2.3.4": "https://1.2.3.4:443", "1.2.3.4:1234": "http://1.2.3.4:1234",
            "http://1.2.3.4:1234": "http://1.2.3.4:1234", "https://example.com/own": "https://example.com:443/own",
            "https://example.com:8080/own/": "https://example.com:8080/own", "example.com": "http://example.com:11434",
            "example.com:1234": "http://example.com:1234", "http://example.com/": "http://example.com:80",
            "example.com/a/b": "http://example.com:11434/a/b", ":1234": "http://127.0.0.1:1234",
            ":66000": "http://127.0.0.1:11434", ":-1": "http://127.0.0.1:11434", ":": "http://127.0.0.1:11434",
            "1.2.3.4:": "http://1.2.3.4:11434", "1.2.3.4:x": "http://1.2.3.4:11434", "1.2.3.4:65535": "http://1.2.3.4:65535",
            "1.2.3.4:65536": "http://1.2.3.4:11434", "http://1.2.3.4:66000": "http://1.2.3.4:80",
            "1.2.3.4:\u0661\u0662": "http://1.2.3.4:11434", "https://1.2.3.4:0x50": "https://1.2.3.4:443",
            "::1": "http://[::1]:11434", "[::1]": "http://[::1]:11434", "[::1]:1234": "http://[::1]:1234",
            "http://[::1]": "http://[::1]:80", "http://[::1]:1234/own": "http://[::1]:1234/own",
            "[::1]:66000": "http://[::1]:11434", "fe80::1%eth0": "http://[fe80::1%eth0]:11434",
            "0.0.0.0": "http://127.0.0.1:11434", "0.0.0.0:1234": "http://127.0.0.1:1234", "[::]": "http://[::1]:11434",
            "[::]:1234": "http://[::1]:1234", "::": "http://[::1]:11434", "http://0.0.0.0": "http://127.0.0.1:80",
            '"1.2.3.4"': "http://1.2.3.4:11434", "'1.2.3.4:1234'": "http://1.2.3.4:1234",
            ' "1.2.3.4" ': "http://1.2.3.4:11434", "\" 1.2.3.4 \"": "http://1.2.3.4:11434",
            "  example.com  ": "http://example.com:11434", "\t1.2.3.4\n": "http://1.2.3.4:11434", '""': "http://127.0.0.1:11434",
            "http://ana:pw@1.2.3.4:1234/own": "http://1.2.3.4:1234/own", "ana:pw@1.2.3.4": "http://1.2.3.4:11434",
            "http://ana@pw@1.2.3.4": "http://1.2.3.4:80", "localhost": "http://localhost:11434",
        }.items():
            with self.subTest(text):
                self.assertEqual(find_target(None, {"OLLAMA_HOST": text}).url, url)
                self.assertEqual(find_target(text, {}).url, url)

    def test_what_cannot_be_spoken_to_is_refused_before_anything_is_sent(self):
        for text, word in (("ftp://1.2.3.4", "ftp:// is not supported"), ("HTTP://1.2.3.4", "HTTP://"), ("://1.2.3.4", "://"),
                           ("unix:///run/x", "unix://"), ("my host", "not a server"), ("a..b", "not a server"),
                           ("x" * 64 + ".com", "not a server"), ("1:2:3", "not a server"), ("http://a]", "not a server"),
                           ("http://1.2.3.4/a b", "not a server"), ("http://1.2.3.4/\u00e9", "not a server"),
                           ("http://1.2.3.4/?a", "not a server"), ("http://1.2.3.4/#a", "not a server"), ("a%b", "not a server"),
                           ("::1%", "not a server"), ("1.2.3.4/\r\nX: y", "not a server"), ("ollama.com", "cloud"),
                           ("https://ollama.com", "cloud"), ("https://api.Ollama.com:443", "cloud")):
            for name, found in (("OLLAMA_HOST", lambda: find_target(None, {"OLLAMA_HOST": text})),
                                ("--target-url", lambda: find_target(text, {}))):
                with self.subTest(f"{name} {text!r}"):
                    with self.assertRaises(UserError) as caught:
                        found()
                    self.assertIn(word, str(caught.exception))
                    self.assertTrue(word == "cloud" or str(caught.exception).startswith(f"{name}: "))
                    self.assertEqual(caught.exception.exit_code, USAGE)
        self.assertEqual(parse_host("ollama.com").url, "https://ollama.com:443")

    def test_a_password_is_in_no_error_and_in_no_url(self):
        for text in ("http://ana:s3cret@1.2.3.4", "http://ana:s3cret@a..b", "http://ana:s/s3cret@1.2.3.4", "ana:s3cret@x y",
                     "ftp://ana:s3cret@1.2.3.4"):
            with self.subTest(text):
                try:
                    shown = repr(find_target(text, {}))
                except UserError as problem:
                    shown = str(problem)
                self.assertNotIn("s3cret", shown)

    def test_the_flag_wins_over_the_environment(self):
        environment = {"OLLAMA_HOST": "1.2.3.4"}
        self.assertEqual(find_target("5.6.7.8", environment).url, "http://5.6.7.8:11434")
        self.assertEqual(find_target("", environment).url, "http://127.0.0.1:11434")
        self.assertEqual(find_target(None, environment).url, "http://1.2.3.4:11434")
        self.assertEqual(find_target(None, {}).url, "http://127.0.0.1:11434")

    def test_what_a_manifest_says_of_the_server(self):
        for text, public in {
            "": "http://127.0.0.1:11434", "localhost": "http://localhost:11434", "LOCALHOST": "http://LOCALHOST:11434",
            "a.localhost:1": "http://a.localhost:1", "127.9.9.9": "http://127.9.9.9:11434", "::1": "http://[::1]:11434",
            "192.168.1.5": "lan", "10.0.0.5:1234": "lan", "172.16.0.1": "lan", "169.254.1.1": "lan", "fe80::1%eth0": "lan",
            "fd00::5": "lan", "nas": "lan", "nas.local": "lan", "NAS.LAN": "lan", "box.home.arpa": "lan",
            "8.8.8.8": "remote", "2606:4700::1": "remote", "https://llm.example.com/own": "remote",
            "local.example.com": "remote", "notlocalhost.com": "remote", "127.0.0.1.example.com": "remote",
        }.items():
            with self.subTest(text):
                target = find_target(text, {})
                self.assertEqual(target.public, public)
                self.assertEqual(target.is_loopback, public.startswith("http"))

    def test_this_machine_under_its_own_address_or_name_is_this_machine_and_its_address_stays_private(self):
        own = next(filter(own_address.can_bind, own_addresses()), None)
        name = socket.gethostname().lower()
        for host in filter(None, (own, name, name.upper(), f"{name.split('.')[0]}.local")):
            with self.subTest("own"):
                target = find_target(None, {"OLLAMA_HOST": f"http://[{host}]:1234/x" if ":" in host else f"{host}:1234/x"})
                self.assertTrue(target.is_loopback)
                self.assertIn(target.public, (target.url, "http://localhost:1234/x"))
                if host == own:
                    self.assertNotIn(own, target.public)

    def test_where_every_address_can_be_bound_none_is_known_to_be_this_machine_s(self):
        with mock.patch.object(own_address, "can_bind", lambda host: True):
            own_address.is_own.cache_clear()
            self.assertFalse(own_address.is_own("192.168.1.5"))
        own_address.is_own.cache_clear()


def own_addresses() -> list:
    """Addresses under which this machine's name is known, if it is known at all."""
    try:
        return [place[0] for _, _, _, _, place in socket.getaddrinfo(socket.gethostname(), 0, type=socket.SOCK_DGRAM)
                if not place[0].startswith("127.") and place[0] != "::1"]
    except OSError:
        return []


if __name__ == "__main__":
    unittest.main()
