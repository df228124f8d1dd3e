"""Examples for each kind of private data, in the order of base.sensitive.KINDS: texts that it must find, and texts that it must not."""
from __future__ import annotations

from typing import NamedTuple, Tuple


class Examples(NamedTuple):
    kind: str
    hits: Tuple[str, ...]
    misses: Tuple[str, ...]


EXAMPLES = (
    Examples("path",
             ("/home/ana/x", "at /Users/Ana Maria/x", "C:\\Users\\ana", "d:/users/ana/x", "/mnt/c/Users/ana/x", "/root/.ollama",
              "/data/data/com.termux/files/home", "\\\\nas\\share", "/media/ana/disk/", "/Volumes/Ana/", "~ana/models",
              "%2Fhome%2Fana%2F", "/var/home/ana", "/var/folders/ab/cd3f/T", "-Users-ana-models"),
             ("/home/user/x", "/usr/share/ollama", "/api/chat", "C:\\Windows", "/Users/you", "home/page", "/dev/null", "~/x",
              "/etc/home", "and/or", "/roots/x")),
    Examples("path",
             ("/mnt/my-nas", "/Volumes/Me", "D:\\me", "\\\\nas server\\x", "//nas/me", "OneDrive - Company"),
             ("/mnt/data", "/mnt/c/Windows", "D:\\models", "https://host/a//b", "//div/span", "OneDrive", "// nas")),
    Examples("address",
             ("192.168.1.7", "http://10.0.0.3:11434", "100.64.3.2", "169.254.1.1", "8.8.8.8", "::ffff:10.1.2.3"),
             ("127.0.0.1", "0.0.0.0:11434", "192.0.2.7", "203.0.113.1", "1.2.3", "1.2.3.4.5", "31.0.15.3623", "v10.0.0.3")),
    Examples("address",
             ("fe80::1ff:fe23:4567:890a%eth0", "[2a02:8070::1]", "fd12:3456:789a::1"),
             ("2001:db8::1", "::1", "12:34:56", "2026:11", "a[::2]", "std::vector")),
    Examples("hardware-address",
             ("3c_22_fb_01_02_03", "3C22FB010203", "mac=3c22fb010203", "3c:22:fb:01:02:03", "3C-22-FB-01-02-03", "3c22.fb01.0203"),
             ("00:00:00:00:00:00", "12:34:56", "00:00:5e:00:53:af", "2026-11-24", "9a3f0c1d2e4b", "202611241200", "sha256:3C22FB010203")),
    Examples("e-mail",
             ("ana@mail.org", "write to a.b+c@sub.domain.de"),
             ("lodash@4.17.21", "ana@example.com", "1+ana@users.noreply.github.com", "git@github.com", "a@b", "@dataclass")),
    Examples("host",
             ("anas-mac.local", "b\u00fccher-nas.local", "nas.lan", "http://box.fritz.box/", "a.tail1.ts.net", "nas.localdomain", "nas.home.arpa"),
             ("threading.local()", "example.local", "localhost", "local", "self.home(x)")),
    Examples("host",
             ("me@laptop:~$", "http://my-nas:11434", "http://b\u00fccher-nas:11434", "ana@m\u00fcller:~$", "DESKTOP-4F7A2K1", "ws1.corp.contoso.com"),
             ("http://localhost:11434", "http://host:11434", "git@github.com:me/x", "http://ollama:11434", "https://example.com:80", "WIN-WIN", "desktop-app",
              "user@host:~$")),
    Examples("token",
             ("sk-ant-api03-abcdefGHIJK12345", "ghp_0123456789abcdefghijABCDEFGHIJ", "hf_abcdefghijklmnopqrstuvwx12", "AKIAIOSFODNN7ABCDEFG",
              "Bearer abcdef0123456789abcdef", "https://hooks.slack.com/services/T01234567/B01234567/qwErTyUiOpAsDfGhJkLzXcVb",
              "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "xoxb-12345-abcdefghij"),
             ("sk-learn", "token budget", "tokens: 512", "basic understanding of things", "desk-abc", "risk-management-and-control-systems", "AKIAIOSFODNN7EXAMPLE")),
    Examples("token",
             ("GITEA_TOKEN=0f9c1d2e3b4a59687786a5b4c3d2e1f00f9c1d2e", "WANDB_API_KEY=9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c",
              "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzR4nD0mKEY", "https://host/x?access_token=9f8e7d6c5b4a3928", "\"password\": \"BOWmxXIgyVnecNNT\"",
              "shopToken := `9f8e7d6c5b4a3928`", "set(\"SHOP_TOKEN\", \"9f8e7d6c5b4a3928\")", "<shopToken>\n  9f8e7d6c5b4a3928\n</shopToken>",
              "var shopToken string = \"9f8e7d6c5b4a3928\"", "SHOP_SECRET ?= 17:q9fk2x8e%7=04tz", "api_key=abcd1234efgh5678"),
             ("password: none", "max_tokens=4096", "token = tokenizer.encode", "tokens: 512", "key = cache_key_2", "api_key=your_api_key_here_123",
              "primary_key=True", "token=next_token_id2", "key: 'models/llama-3.2-1b'", "token, position = 17", "secret=getUserAccessKeyFromCache",
              "<token>end-of-text-2024</token>")),
    Examples("key",
             ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI", "-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"),
             ("-----BEGIN CERTIFICATE-----", "a private key")),
    Examples("credentials",
             ("http://ana:pw@host/", "ftp://u:p@h", "curl -k -u elastic:P4ssw0rd9 https://localhost:9200"),
             ("http://host:11434/a@b", "https://user@host", "curl -u $NAME:$WORD https://host", "curl -u user:password x")),
    Examples("token",
             ("kind: Secret\ndata:\n  word: YWRtaW46c2Vz",),
             ("kind: secret\ndata:\n  count: 3", "data:\n  word: YWRtaW46c2Vz")),
    Examples("serial",
             ("S/N C02XK0AAJG5J", "machine-id: 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "GPU-9f8e7d6c5b4a39281706f5e4d3c2b1a0", "GPU-1b2c3d4e-0000-4a6b-8c7d-8e9f00112233", "Serial Number: C02XK0AAJG5J", "S-1-5-21-111-222-333"),
             ("00000000-0000-0000-0000-000000000000", "serial: false", "serialised", "md5 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "S/N ratio")),
    Examples("phone",
             ("+49 171 2345678", "+381 64 123 4567", "(212) 736-5000", "+4917123456789"),
             ("+1 202 555 0143", "1 + 2 = 3", "+10", "C++ 20 2011", "+0.5 +0.25", "2026-11-24", "+12.5 %")),
)
