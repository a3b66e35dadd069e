# SPDX-License-Identifier: BSD-2-Clause
"""The network examples as ordinary clients see them: curl on this machine; ping, dig, iperf and nc
in dom0. Each guest is started once, in the lab that $SPRAT_LAB names."""

import os
import pathlib
import re
import shlex
import socket
import struct
import subprocess
import tempfile
import unittest

from support import BUILD, ROOT, bring, dom0, sprat  # isort: skip (it finds spratlib)
from spratlib import cpio

PAGES = ROOT / "examples/httpd/www"
CURL_S = "30"
LIMIT = "timeout 60"  # of a client in dom0
STREAMS = 200  # more than dns has places
# Not the addresses of other tests, which may run beside this one.
HTTPD, DNS, ECHO, IPERF, DAYTIME = (f"10.0.0.{number}" for number in (180, 153, 107, 151, 113))
SIX = {address: f"fd00::{address.rpartition('.')[2]}" for address in (HTTPD, DNS, ECHO, DAYTIME)}

CLIENTS = ("dig", "iperf", "nc.openbsd")
PLACE = f"/tmp/clients-{os.getpid()}"  # in dom0

guests, clients = {}, {}


def start(name, address, ready=None):
    """Start an example at an address, IPv4's and IPv6's."""
    words = [f"sprat.ip={address}/24"]
    if address in SIX:
        words.append(f"sprat.ip6={SIX[address]}/64")
    wait = ["--ready", ready, "--timeout", "120"] if ready else []
    done = sprat("guest", "start", *wait, name, "--", *words)
    if done.returncode:
        raise AssertionError(done.stderr)
    guests[address] = done.stdout.strip()


def setUpModule():
    """Bring the clients into dom0, start the guests."""
    clients["run"] = bring(PLACE, ["bind9-dnsutils", "iperf", "netcat-openbsd"], CLIENTS)
    start("httpd", HTTPD, "serving")
    start("dns", DNS, "serving")
    start("echo", ECHO)
    start("daytime", DAYTIME)
    start("iperf", IPERF, "serving")


def tearDownModule():
    """Destroy the guests."""
    for name in guests.values():
        sprat("lab", "exec", "--", "xl", "destroy", name)
    dom0(f"rm -rf {PLACE}")


def client(name):
    """Return the start of a command in dom0 that runs a client."""
    return f"{LIMIT} {clients['run']}{name}"


class Http(unittest.TestCase):
    """curl on this machine, through the lab."""

    @classmethod
    def setUpClass(cls):
        done = sprat("guest", "forward", f"{HTTPD}:80")
        done.check_returncode()
        cls.url = f"http://{done.stdout.strip()}"

    def curl(self, *words, path="/"):
        """Fetch a page; return (head, body), as bytes."""
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--include", "--max-time", CURL_S, *words,
             self.url + path], capture_output=True, check=False)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        return head.decode(), body

    def test_a_page_is_what_the_file_holds(self):
        head, body = self.curl()
        self.assertTrue(head.startswith("HTTP/1.1 200 "), head)
        self.assertEqual(body, (PAGES / "index.html").read_bytes())
        self.assertIn("Content-Type: text/html", head)
        head, body = self.curl(path="/style.css")
        self.assertEqual(body, (PAGES / "style.css").read_bytes())
        self.assertIn("Content-Type: text/css", head)

    def test_a_target_may_name_its_host(self):
        for target in "http://any.example:80/style.css?x", "HTTP://any/%73tyle.css":
            head, body = self.curl("--request-target", target)
            self.assertTrue(head.startswith("HTTP/1.1 200 "), head)
            self.assertEqual(body, (PAGES / "style.css").read_bytes())
        _, body = self.curl("--request-target", "http://any.example")
        self.assertEqual(body, (PAGES / "index.html").read_bytes())
        for target in "https://any/", "any/style.css", "http:/style.css":
            head, _ = self.curl("--request-target", target)
            self.assertTrue(head.startswith("HTTP/1.1 400 "), head)

    def test_a_connection_is_kept(self):
        done = subprocess.run(
            ["curl", "--silent", "--max-time", CURL_S, "--write-out", "%{num_connects} ",
             "--output", os.devnull, "--output", os.devnull, self.url + "/",
             self.url + "/style.css"], capture_output=True, text=True, check=True)  # fmt: skip
        self.assertEqual(done.stdout.split(), ["1", "0"])
        head, _ = self.curl("--header", "Connection: close")
        self.assertIn("Connection: close", head)

    def test_head_says_what_get_would(self):
        got, body = self.curl()
        head, nothing = self.curl("--head")
        self.assertEqual(nothing, b"")
        self.assertIn(f"Content-Length: {len(body)}", head)
        self.assertEqual(re.search("ETag: .*", head)[0], re.search("ETag: .*", got)[0])

    def test_ranges(self):
        page = (PAGES / "index.html").read_bytes()
        for asked, expected in (("0-9", page[:10]), ("10-19", page[10:20]), ("-5", page[-5:]),
                                (f"{len(page) - 3}-", page[-3:])):  # fmt: skip
            head, body = self.curl("--range", asked)
            self.assertTrue(head.startswith("HTTP/1.1 206 "), head)
            self.assertEqual(body, expected)
        self.assertIn(f"/{len(page)}", re.search("Content-Range: .*", head)[0])
        head, _ = self.curl("--range", f"{len(page)}-")
        self.assertTrue(head.startswith("HTTP/1.1 416 "), head)

    def test_a_page_that_is_known_is_not_sent_again(self):
        tag = re.search('ETag: (".*")', self.curl()[0])[1]
        head, body = self.curl("--header", f"If-None-Match: {tag}")
        self.assertTrue(head.startswith("HTTP/1.1 304 "), head)
        self.assertEqual(body, b"")
        head, _ = self.curl("--header", 'If-None-Match: "other"')
        self.assertTrue(head.startswith("HTTP/1.1 200 "), head)

    def test_errors_have_their_codes(self):
        for code, words, path in (
                (404, (), "/nothing"), (405, ("--request", "DELETE"), "/"),
                (404, ("--path-as-is",), "/../httpd"), (400, (), "/%zz"),
                (414, (), "/" + "x" * 2000),
                (431, ("--header", f"X: {'y' * 9000}"), "/")):  # fmt: skip
            head, _ = self.curl(*words, path=path)
            self.assertTrue(head.startswith(f"HTTP/1.1 {code} "), head)

    def test_what_is_no_address_of_the_lab_is_refused(self):
        for target in ("192.0.2.1:80", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1", "x:80"):
            done = sprat("guest", "forward", target)
            self.assertNotEqual(done.returncode, 0, target)
            self.assertIn("10.0.0.", done.stderr)


class Pings(unittest.TestCase):
    """ping in dom0."""

    def test_ping(self):
        for address in (HTTPD, DNS, SIX[ECHO], SIX[DAYTIME]):
            self.assertIn("5 packets received",
                          dom0(f"ping -q -A -c 5 -s 1400 -w 30 {address}"), address)


class Echo(unittest.TestCase):
    """nc in dom0 against echo and daytime."""

    def test_tcp(self):
        for address in (ECHO, SIX[ECHO]):
            command = (f"seq 1 20000 | {client('nc.openbsd')} -N {address} 7 | md5sum; "
                       "seq 1 20000 | md5sum")  # fmt: skip
            returned, sent = dom0(command).split("\n")[:2]
            self.assertEqual(returned, sent, address)

    def test_udp(self):
        for address in (ECHO, SIX[ECHO]):
            command = f"echo hello | {client('nc.openbsd')} -u -W 1 {address} 7"
            self.assertEqual(dom0(command), "hello\n", address)

    def test_daytime(self):
        for address in (DAYTIME, SIX[DAYTIME]):
            self.assertRegex(dom0(f"{client('nc.openbsd')} {address} 13 </dev/null"), r"20\d\d")


class Dns(unittest.TestCase):
    """dig in dom0."""

    def dig(self, *words, server=DNS):
        return dom0(f"{client('dig')} @{server} +tries=3 +time=10 {shlex.join(words)}")

    def short(self, *words, server=DNS):
        return sorted(self.dig("+short", *words, server=server).splitlines())

    def test_records(self):
        asked = ("api A", "@ AAAA", "@ MX", "note TXT", "_sip._tcp SRV", "@ CAA", "@ SOA")
        names = [line.replace("@ ", "example.org ") if line[0] == "@"
                 else line.replace(" ", ".example.org ") for line in asked]  # fmt: skip
        text = self.dig("+noall", "+answer", *" ".join(names).split(), "-x", "192.0.2.25")
        found = {" ".join(line.split()) for line in text.splitlines() if line.strip()}
        self.assertEqual(found, {
            "api.example.org. 300 IN A 192.0.2.81",
            "api.example.org. 300 IN A 192.0.2.82",
            "api.example.org. 300 IN A 192.0.2.83",
            "example.org. 3600 IN AAAA 2001:db8::80",
            "example.org. 3600 IN MX 10 mail.example.org.",
            "example.org. 3600 IN MX 20 mail.example.net.",
            'note.example.org. 3600 IN TXT "a text; with \\"quotes\\"" "and a second string"',
            "_sip._tcp.example.org. 3600 IN SRV 0 5 5060 api.example.org.",
            'example.org. 3600 IN CAA 0 issue "ca.example.net"',
            "example.org. 3600 IN SOA ns1.example.org. hostmaster.example.org."
            " 2026010100 86400 7200 2419200 300",
            "25.2.0.192.in-addr.arpa. 3600 IN PTR mail.example.org.",
        })  # fmt: skip

    def test_aliases_wildcards_and_both_transports(self):
        for words in ((), ("+tcp",)):
            for server in (DNS, SIX[DNS]):
                self.assertEqual(self.short("ftp.example.org", *words, server=server),
                                 ["192.0.2.80", "example.org.", "www.example.org."])
        self.assertEqual(self.short("any.dyn.example.org"), ["192.0.2.99"])

    def test_what_is_not_there(self):
        text = self.dig("nothing.example.org")
        self.assertIn("status: NXDOMAIN", text)
        self.assertRegex(text, r"flags: qr aa rd;")
        self.assertRegex(text, r"example\.org\.\s+300\s+IN\s+SOA")
        text = self.dig("mail.example.org", "TXT")
        self.assertIn("status: NOERROR", text)
        self.assertIn("ANSWER: 0, AUTHORITY: 1", text)
        self.assertIn("status: REFUSED", self.dig("example.com"))
        self.assertIn("Transfer failed", self.dig("example.org", "AXFR"))

    def test_referral(self):
        text = self.dig("host.sub.example.org", "+norecurse")
        self.assertRegex(text, r"flags: qr; QUERY: 1, ANSWER: 0, AUTHORITY: 2, ADDITIONAL: 3")
        self.assertRegex(text, r"ns\.sub\.example\.org\.\s+3600\s+IN\s+A\s+192\.0\.2\.54")

    def test_more_streams_than_places(self):
        """Who has a stream and an answer makes room for the others, who has none does not."""
        done = sprat("guest", "forward", f"{DNS}:53")
        done.check_returncode()
        host, port = done.stdout.strip().split(":")
        query = bytes.fromhex("0001 0000 0001 0000 0000 0000 03617069 076578616d706c65 036f7267 00"
                              "0001 0001")  # fmt: skip
        streams = []
        try:
            for _ in range(STREAMS):
                streams.append(socket.create_connection((host, int(port)), 60))
                streams[-1].sendall(struct.pack("!H", len(query)) + query)
            for stream in streams:
                self.assertEqual(stream.recv(4)[2:], query[:2])
        finally:
            for stream in streams:
                stream.close()

    def test_edns(self):
        self.assertIn("udp: 1232", self.dig("example.org"))
        self.assertNotIn("EDNS", self.dig("example.org", "+noedns"))
        self.assertIn("status: BADVERS", self.dig("example.org", "+edns=1", "+noednsneg"))

    def test_a_bad_zone_file_is_told_with_its_place(self):
        with tempfile.TemporaryDirectory(dir=BUILD) as name:
            folder = pathlib.Path(name)
            with open(folder / "zones", "wb") as file:
                archive = cpio.Writer(file)
                archive.file("bad.test.zone", b"$TTL 1h\n@ SOA ns. host. 1 2 3 4 5\n  NS ns.\n"
                                              b"www A 192.0.2.300\n")  # fmt: skip
                archive.close()
            cfg = (BUILD / "examples/dns.cfg").read_text(encoding="utf-8")
            cfg = re.sub('^kernel = .*', f'kernel = "{BUILD}/examples/dns.xen"', cfg, flags=re.M)
            (folder / "bad.cfg").write_text(f'{cfg}\nramdisk = "zones"\n', encoding="utf-8")
            done = sprat("run", "--timeout", "60", folder / "bad.cfg")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("bad.test.zone:4:7: no IPv4 address", done.stdout)


class Iperf(unittest.TestCase):
    """iperf (version 2) in dom0 against examples/iperf."""

    def test_to_the_guest(self):
        text = dom0(f"{client('iperf')} -c {IPERF} -n 4M -y C")
        self.assertEqual(text.split(",")[7], str(4 << 20))

    def test_from_the_guest(self):
        listen = (f"{client('iperf')} -s -P 1 -y C >/tmp/iperf & "
                  "until grep -q ':1389 .* 0A ' /proc/net/tcp; do kill -0 $! || exit; done; "
                  "echo listening; wait; cat /tmp/iperf")  # fmt: skip
        server = subprocess.Popen(
            [ROOT / "scripts/sprat", "lab", "exec", "--", "sh", "-c", listen],
            stdout=subprocess.PIPE, text=True)  # fmt: skip
        with server:
            self.assertEqual(server.stdout.readline(), "listening\n")
            done = sprat("run", "--timeout", "60", "iperf", "--", "sprat.ip=10.0.0.152/24",
                         "10.0.0.1", "1")  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            sent = int(re.search(r"sent (\d+) bytes", done.stdout)[1])
            received = int(server.stdout.read().splitlines()[-1].split(",")[7])
        self.assertGreater(sent, 0)
        # iperf's server looks into the first word for options, and does not always count it.
        self.assertIn(sent - received, (0, 4))


class Options(unittest.TestCase):
    """The command line's addresses, which unit.config reads for the most part."""

    def test_what_no_host_can_have_ends_the_guest(self):
        for word in ("sprat.ip=10.0.0.2/24,gw=10.0.0.2", "sprat.ip=10.0.0.2/24,gw=224.0.0.1",
                     "sprat.ip6=ff02::1/64", "sprat.ip6=::1/64"):  # fmt: skip
            with self.subTest(word):
                done = sprat("run", "--timeout", "60", "daytime", "--", word)
                self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
                self.assertIn(f'vif0: "{word.partition("=")[2]}": an address that', done.stdout)


if __name__ == "__main__":
    unittest.main()
