"""Places: every way in which an address of a repository is written, what is shown of it, and what is refused."""
from __future__ import annotations

import unittest

import support      # noqa: F401  (puts the harness on the import path)
from base.errors import UserError
from publish import places

ADDRESSES = (
    ("https://forge.example.org/bench-org/bench.git", "https://forge.example.org", "bench-org", "bench"),
    ("https://forge.example.org:3000/bench-org/bench", "https://forge.example.org:3000", "bench-org", "bench"),
    ("https://Ana:s3cret@forge.example.org/sub/path/bench-org/bench.git", "https://forge.example.org/sub/path", "bench-org", "bench"),
    ("git@forge.example.org:bench-org/bench.git", "https://forge.example.org", "bench-org", "bench"),
    ("gitea@forge.example.org:bench-org/bench", "https://forge.example.org", "bench-org", "bench"),
    ("ssh://git@forge.example.org:2222/bench-org/bench.git", "https://forge.example.org", "bench-org", "bench"),
    ("http://127.0.0.1:3000/bench-org/bench.git", "http://127.0.0.1:3000", "bench-org", "bench"),
    ("http://[::1]:3000/bench-org/b.e-n_ch.git", "http://[::1]:3000", "bench-org", "b.e-n_ch"),
)
PAGELESS = ("../bench.git", "/srv/a folder/bench.git", "C:\\Users\\you\\bench.git", "C:/repos/bench.git", "\\\\nas\\share\\bench.git",
            "file:///srv/bench-org/bench.git", "http://forge.example.org/bench-org/bench.git", "git://forge.example.org/a/b",
            "https://forge.example.org/only-one", "https://forge.example.org/bench-org/be nch", "ftp://forge.example.org/a/b")


class Parsing(unittest.TestCase):
    def test_every_way_to_write_an_address_gives_owner_name_and_pages(self):
        for url, web, owner, name in ADDRESSES:
            with self.subTest(url):
                found = places.parse(url)
                self.assertEqual((found.web, found.owner, found.name, found.spec), (web, owner, name, url))
                self.assertEqual(found.page, f"{web}/{owner}/{name}")

    def test_what_has_no_pages_is_still_a_place_to_push_to(self):
        for url in PAGELESS:
            with self.subTest(url):
                self.assertEqual((places.parse(url).web, places.parse(url).spec), ("", url))

    def test_what_git_would_take_for_an_option_or_a_program_is_refused(self):
        for url in ("", "-oProxyCommand=x", "--upload-pack=x", "ext::sh -c x", "ext::sh -c [x]", "a\nb", "https://h:port/a/b",
                    "https://[::/a/b"):
            with self.subTest(url), self.assertRaises(UserError):
                places.parse(url)

    def test_the_forges_pages_may_stand_elsewhere(self):
        found = places.parse("git@ssh.example.org:bench-org/bench.git", forge="https://forge.example.org/")
        self.assertEqual(found.page, "https://forge.example.org/bench-org/bench")


class Showing(unittest.TestCase):
    def test_a_user_and_a_password_are_never_shown_but_sshs_user_is(self):
        for text, shown in (
                ("https://ana:s3cret@h/x", "https://h/x"), ("https://t0ken@h/x", "https://h/x"), ("https://a:p@ss@h/x", "https://h/x"),
                ("fatal: unable to access 'https://ana:s3cret@h/x/': 403", "fatal: unable to access 'https://h/x/': 403"),
                ("ssh://git@h/x", "ssh://git@h/x"), ("ssh://git:pw@h/x", "ssh://h/x"), ("git@h:x/y", "git@h:x/y"),
                ("https://h/x/@y", "https://h/x/@y")):
            with self.subTest(text):
                self.assertEqual(places.without_credentials(text), shown)


class Siblings(unittest.TestCase):
    def test_another_repository_is_reached_in_the_same_way_and_without_the_password(self):
        for url, found in (
                ("https://ana:pw@h.org/ana/bench.git", "https://h.org/bench-org/bench.git"),
                ("git@h.org:ana/bench.git", "git@h.org:bench-org/bench.git"),
                ("ssh://git@h.org:2222/ana/bench", "ssh://git@h.org:2222/bench-org/bench"),
                ("https://h.org/sub/ana/bench.git/", "https://h.org/sub/bench-org/bench.git")):
            with self.subTest(url):
                sibling = places.sibling(places.parse(url), "bench-org", "bench")
                self.assertEqual((sibling.url, sibling.full_name), (found, "bench-org/bench"))

    def test_names_that_a_server_made_up_are_refused(self):
        for owner, name in (("..", "x"), ("a/b", "x"), ("a", "x y"), ("", "x"), ("a", "-x"), ("a", "x\n")):
            with self.subTest((owner, name)), self.assertRaises(UserError):
                places.sibling(places.parse("https://h.org/ana/bench.git"), owner, name)


class Forges(unittest.TestCase):
    def test_a_token_goes_to_https_or_this_machine_alone(self):
        for url in ("https://forge.example.org", "https://forge.example.org/sub/", "http://127.0.0.1:3000", "http://localhost:3000"):
            with self.subTest(url):
                self.assertEqual(places.check_forge(url), url.rstrip("/"))
        for url in ("http://forge.example.org", "ftp://127.0.0.1", "forge.example.org", "https://ana:pw@forge.example.org",
                    "https://forge.example.org/?x", "https://forge.example.org/#x", "https://", "https://a b", "https://h:x",
                    "http://127.0.0.1.example.org", "javascript:alert(1)"):
            with self.subTest(url), self.assertRaises(UserError):
                places.check_forge(url)


class Pages(unittest.TestCase):
    def test_the_compare_page_quotes_whatever_stands_in_a_name(self):
        upstream = places.Place("u", "u", "h", "https://h", "bench-org", "bench")
        for owner, name, base, found in (
                ("ana", "bench", "main", "https://h/bench-org/bench/compare/main...ana:run-1"),
                ("Bench-Org", "bench", "main", "https://h/bench-org/bench/compare/main...run-1"),
                ("ana", "other", "main", "https://h/bench-org/bench/compare/main...ana/other:run-1"),
                ("ana", "bench", "a/b?c#d%", "https://h/bench-org/bench/compare/a%2Fb%3Fc%23d%25...ana:run-1")):
            with self.subTest(found):
                fork = places.Place("f", "f", "h", "https://h", owner, name)
                self.assertEqual(places.compare_page(upstream, fork, base, "run-1"), found)


if __name__ == "__main__":
    unittest.main()
