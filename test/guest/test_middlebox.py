# SPDX-License-Identifier: BSD-2-Clause
"""The middlebox as a guest: traffic from dom0, handlers and hot swap through xenstore."""

import pathlib
import re
import tempfile
import unittest

from support import BUILD, ROOT, console, cpu_ns, create, dom0, eventually, sprat

from spratlib import middlebox  # support knows where it is

ADDRESS = "10.0.0.77"
MAC = "00:16:3e:00:00:77"
PONG = (
    "FromDevice(eth0) -> c :: Classifier(12/0806 20/0001, 12/0800, -);"
    f"c[0] -> ARPResponder({ADDRESS} {MAC}) -> q :: Queue -> ToDevice(eth0);"
    f"c[1] -> Strip(14) -> CheckIPHeader -> pings :: Counter -> f :: IPFilter(allow dst {ADDRESS})"
    f" -> ICMPPingResponder -> EtherEncap(0x0800, {MAC}, ff:ff:ff:ff:ff:ff) -> q;"
    "c[2] -> Discard;"
)


class Middlebox(unittest.TestCase):
    """One guest, and what becomes of it."""

    @classmethod
    def setUpClass(cls):
        create("middlebox", "mbox", f"-e \\'{PONG}\\'", memory=2)
        cls.folder = dom0("echo /local/domain/$(xl domid mbox)").strip()
        eventually(lambda: "middlebox: running" in console("mbox"))

    @classmethod
    def tearDownClass(cls):
        dom0("xl destroy mbox")

    def ask(self, request):
        """Send a request in ControlSocket's words; return the answer."""
        folder = f"{self.folder}/data/control"
        dom0(f"xenstore-rm {folder}/replies 2>/dev/null;"
             f" xenstore-write {folder}/request '{request}'")  # fmt: skip
        read = f"xenstore-read {folder}/replies 2>/dev/null || true"
        count = eventually(lambda: dom0(read).strip())
        pieces = [dom0(f"xenstore-read {folder}/reply/{n}") for n in range(int(count))]
        return "".join(piece.removesuffix("\n") for piece in pieces)

    def ping(self, count=3):
        """Return how many of `count` pings were answered."""
        said = dom0(f"ping -q -c {count} -W 2 {ADDRESS} || true")
        return int(re.search(r"(\d+) packets received", said)[1])

    def test_1_it_answers_and_counts(self):
        self.assertEqual(self.ping(), 3)
        self.assertIn("DATA", self.ask("READ pings.count"))
        self.assertRegex(self.ask("READ pings.count"), r"200 [^\n]*\n?DATA \d+\D+3$")

    def test_2_a_handler_that_is_not_there_is_refused(self):
        self.assertRegex(self.ask("READ pings.fnord"), r"^5\d\d")
        self.assertRegex(self.ask("FNORD"), r"^5\d\d")

    def test_3_an_idle_middlebox_uses_no_cpu_time(self):
        self.ping()
        eventually(lambda: cpu_ns("mbox") == (dom0("sleep 1"), cpu_ns("mbox"))[1], 30)

    def test_4_a_configuration_with_an_error_is_refused_and_the_old_one_goes_on(self):
        self.assertRegex(self.ask("WRITE hotconfig FromDevice(eth0) -> Fnord;"), r"^5\d\d")
        self.assertEqual(self.ping(), 3)

    def in_pieces(self, *pieces):
        """Send a request in pieces; return the answer."""
        for number, piece in enumerate(pieces):
            dom0(f"xenstore-write {self.folder}/data/control/request/{number} '{piece}'")
        return self.ask(f"PIECES {len(pieces)}")

    def test_5_what_is_too_long_for_a_node_of_xenstore_comes_in_pieces(self):
        self.assertRegex(self.in_pieces("READ pi", "ngs.count"), r"^200 [^\n]*\n?DATA \d")
        text = f"{PONG}// {'x' * 9000}\nq2 :: Queue(77); Idle -> q2 -> Discard;"
        request = f"WRITEDATA hotconfig {len(text)}\n{text}"
        pieces = [request[at:at + 3000] for at in range(0, len(request), 3000)]  # fmt: skip
        self.assertRegex(self.in_pieces(*pieces), r"^2\d\d")
        self.assertRegex(self.ask("READ q2.capacity"), r"77$")
        self.assertEqual(self.ping(), 3)
        self.assertRegex(self.ask("PIECES 3"), r"^500 Piece 0 can't be read\\r\\n$")
        self.assertRegex(self.ask("PIECES 1025"), "^501 ")
        self.assertRegex(self.ask("PIECES x"), "^501 ")

    def test_6_a_packet_larger_than_a_buffer_is_none(self):
        text = ("f :: FromDevice(eth0) -> Discard; s :: TimedSource(0.01, LENGTH 9000)"
                " -> big :: Counter -> Discard; TimedSource(0.01, LENGTH 3000)"
                " -> small :: Counter -> Discard;")  # fmt: skip
        self.assertRegex(self.ask(f"WRITE hotconfig {text}"), r"^2\d\d")
        eventually(lambda: not re.search(r"DATA 1\D+0$", self.ask("READ small.count")))
        self.assertRegex(self.ask("READ big.count"), r"DATA 1\D+0$")

    def test_7_another_configuration_takes_over_while_it_runs(self):
        self.assertRegex(self.ask("WRITE hotconfig FromDevice(eth0) -> Discard;"), r"^2\d\d")
        self.assertEqual(self.ping(1), 0)


class ControlSocket(unittest.TestCase):
    """Handlers by TCP, from dom0, in the image that has a network stack for that."""

    ADDRESS = "10.0.0.78"
    COUNT = "FromDevice(eth0) -> c :: Counter -> Discard;"
    OTHER = f"{COUNT} s :: ControlSocket(TCP, 7777); q :: Queue(9); Idle -> q -> Discard;"

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            file = pathlib.Path(folder, "control.click")
            file.write_text(f"{cls.COUNT} ControlSocket(TCP, 7777);"
                            "ControlSocket(TCP, 7777+, READONLY true);")  # fmt: skip
            done = sprat("middlebox", file, "--control", f"{cls.ADDRESS}/24", "--only-cfg")
        done.check_returncode()
        cls.name = pathlib.Path(done.stdout.strip()).stem
        dom0(f"xl create -q -e {done.stdout.strip()}")
        eventually(lambda: "middlebox: running" in console(cls.name))

    @classmethod
    def tearDownClass(cls):
        dom0(f"xl destroy {cls.name}")

    def talk(self, *lines, port=7777):
        """Send lines, the last of which says QUIT; return what the guest says."""
        said = "".join(f"{line}\\r\\n" for line in (*lines, "QUIT"))
        return dom0(f"printf '{said}' | timeout 60 nc {self.ADDRESS} {port}").replace("\r", "")

    def test_1_handlers_are_read_as_click_documents(self):
        said = self.talk("READ c.count", "READ nobody.count", "FNORD")
        self.assertRegex(said, r"^Click::ControlSocket/1\.3\n200 [^\n]*\nDATA \d+\n\d+")
        self.assertIn("510 No element named 'nobody.count'", said)
        self.assertRegex(said, r"\n501 ")

    def test_2_the_second_port_is_the_next_one_and_only_for_reading(self):
        self.assertRegex(self.talk("WRITE c.reset", port=7778), r"\n530 ")
        self.assertRegex(self.talk("WRITE c.reset"), r"\n200 ")

    def test_3_eight_are_served_at_once_and_the_ninth_when_one_has_gone(self):
        greeting = "Click::ControlSocket/1.3"
        self.addCleanup(dom0, "rm -rf /tmp/many")
        said = dom0(f"""mkdir /tmp/many; cd /tmp/many; pids=
            mkfifo wait; exec 3<>wait
            trap 'kill $pids' EXIT
            for n in 1 2 3 4 5 6 7 8; do
                nc {self.ADDRESS} 7777 <wait >out$n & pids="$pids $!"
                until grep -q Click out$n; do usleep 10000; done
            done
            timeout 20 nc {self.ADDRESS} 7777 </dev/null; echo ninth
            kill ${{pids##* }}; pids=${{pids% *}}
            until timeout 20 nc {self.ADDRESS} 7777 </dev/null | grep Click; do usleep 10000; done
            """)
        self.assertEqual(said.replace("\r", ""), f"ninth\n{greeting}\n")

    def test_4_a_connection_outlives_the_swap_that_it_asks_for(self):
        request = f"WRITEDATA hotconfig {len(self.OTHER)}\\r\\n{self.OTHER}READ q.capacity"
        said = self.talk(request)
        self.assertRegex(said, r"(?s)\n200 .*DATA 1\n9")
        # The port was closed and opened again, the other one closed.
        self.assertRegex(self.talk("READ q.capacity"), r"DATA 1\n9")
        self.assertEqual(dom0(f"timeout 5 nc {self.ADDRESS} 7778 </dev/null || echo refused"),
                         "refused\n")  # fmt: skip

    def test_5_an_answer_longer_than_the_guest_may_send_at_once_comes_whole(self):
        text = f"{self.OTHER}// {'x' * 60_000}"
        said = self.talk(f"WRITEDATA hotconfig {len(text)}\\r\\n{text}READ config")
        self.assertIn(f"DATA {len(text)}\n{text}200 Goodbye!\n", said)


class Start(unittest.TestCase):
    """What `sprat middlebox` does with files."""

    WIRE = "FromDevice(eth0) -> Queue -> ToDevice(eth1);"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=BUILD)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def refused(self, config, *options, name="wrong.click"):
        """Return what is said of a configuration that no guest is started for."""
        path = self.folder / name
        if config is not None:
            path.write_text(config)
        done = sprat("middlebox", path, *options)
        self.assertEqual(done.returncode, 125, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr.replace(f"{path}", "FILE")

    def test_a_ready_middlebox_starts_with_an_interface_for_each_device(self):
        done = sprat("middlebox", ROOT / "examples/middlebox/conf/bridge.click", "--bridge",
                     "eth1=xenbr0", "--timeout", 8)  # fmt: skip
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assertIn("middlebox: running\n", done.stdout)

    def test_a_cfg_has_an_interface_for_each_device_and_memory_for_them(self):
        path = self.folder / "many.click"
        for last, memory in ((1, 2), (5, 2), (6, 3), (15, 4)):
            path.write_text(f"define($last {last}) FromDevice(eth0) -> Queue -> ToDevice(x$last);"
                            "// not FromDevice(eth9)\n")  # fmt: skip
            done = sprat("middlebox", path, "--only-cfg")
            self.assertEqual(done.returncode, 0, done.stderr)
            cfg = pathlib.Path(done.stdout.strip()).read_text()
            self.assertEqual(len(re.findall(r"bridge=xenbr", cfg)), last + 1)
            self.assertIn(f"\nmemory = {memory}\n", cfg)

    def test_it_warns_of_interfaces_at_one_bridge(self):
        path = self.folder / "loop.click"
        path.write_text(self.WIRE)
        done = sprat("middlebox", path, "--bridge", "eth1=xenbr0", "--only-cfg")
        self.assertIn("eth0 and eth1 are at one bridge, xenbr0", done.stderr)
        self.assertEqual(sprat("middlebox", path, "--only-cfg").stderr, "")

    def test_configurations_called_alike_in_two_folders_do_not_meet(self):
        cfgs = []
        for name in ("one", "two"):
            path = self.folder / name / "wire.click"
            path.parent.mkdir()
            path.write_text(self.WIRE)
            cfgs.append(sprat("middlebox", path, "--only-cfg").stdout.strip())
        self.assertEqual(len({*cfgs, ""}), 3, cfgs)

    def test_errors_are_told_with_their_places_before_a_guest_is_started(self):
        said = self.refused("c :: Counter;\nFromDevice(eth0) -> c -> Fnord(1);\n")
        self.assertIn("FILE:2:26: unknown element class 'Fnord'", said)
        self.assertIn("ELEMENTS.md lists the elements", said)
        said = self.refused("c :: Counter(X);\nIdle -> q :: Queue(-3) -> c -> Discard;")
        self.assertRegex(said, r"FILE:1:14: .*\n(.*\n)*FILE:2:20: .*CAPACITY must be a number")
        self.assertIn("FILE:1:9: ", self.refused("Idle -> "))
        said = self.refused("FromDevice(eth0) -> Discard; PollDevice(xen0) -> Discard")
        self.assertRegex(said, r"FILE:1:30: .*reads from this device already")

    def test_a_device_that_can_be_no_interface_is_refused(self):
        self.assertRegex(self.refused("FromDevice(lan) -> Discard"),
                         "FILE:1:1: .*there is no device 'lan': a device's name ends in its"
                         " interface's number, as eth0 does")  # fmt: skip
        self.assertIn("a guest's interfaces have numbers from 0 to 15",
                      self.refused("Idle -> Queue -> ToDevice(eth16)"))  # fmt: skip
        self.assertIn("numbers from 0 to 15",
                      self.refused("FromDevice(eth4294967296) -> Discard"))  # fmt: skip

    def test_a_file_that_cannot_be_read_is_refused(self):
        self.assertIn("cannot read FILE: No such file or directory", self.refused(None))
        self.assertIn("Is a directory", self.refused(None, name="."))
        self.assertIn("it is longer than 1 MiB", self.refused(self.WIRE + " " * (1 << 20)))
        self.assertIn("it is longer than 1 MiB", self.refused(None, name="/dev/zero"))

    def test_too_little_memory_is_refused(self):
        self.assertIn("needs 2 MiB of memory at least, and is to have 1",
                      self.refused("FromDevice(eth4) -> Discard", "--memory", 1))  # fmt: skip
        long = f"FromDevice(eth0) -> Discard; // {'x' * 1_000_000}"
        self.assertRegex(self.refused(long, "--memory", 4),
                         r"1 interfaces and 1000\d+ bytes of configuration needs 5 MiB")

    def test_memory_that_no_guest_can_have_is_refused(self):
        for program in (["middlebox"], ["run"], ["guest", "start"], ["bench", "middlebox"]):
            for words in ("99999999999", "32769", "0", "-1", "2M"):
                done = sprat(*program, "any.click", "--memory", words)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"{words}: write MiB, from 1 to 32768", done.stderr)

    def test_a_configuration_comes_from_xenstore(self):
        create("middlebox", "stored", "", memory=2, paused=True)
        self.addCleanup(dom0, "xl destroy stored")
        dom0("xenstore-write /local/domain/$(xl domid stored)/data/config"
             " 'FromDevice(eth0) -> c :: Counter -> Discard;' && xl unpause stored")  # fmt: skip
        eventually(lambda: "middlebox: running" in console("stored"))
        self.assertEqual(sprat("handler", "read", "stored", "c.class").stdout, "Counter\n")

    def test_words_that_a_guest_does_not_take_end_it(self):
        cfg = BUILD / "examples/middlebox.cfg"
        for words, code, complaint in (
            ([], 2, "no configuration: give it with -e TEXT"),
            (["-x"], 2, "usage: middlebox"),
            (["-e", "Idle -> Discard", "/more"], 2, "usage: middlebox"),
            (["/gone.click"], 1, "no file /gone.click in the image's archive or the ramdisk"),
        ):  # fmt: skip
            done = sprat("run", cfg, "--timeout", 60, "--", *words)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn(complaint, done.stdout)

    def test_a_file_longer_than_a_configuration_may_be_ends_the_guest(self):
        path = self.folder / "longer.click"
        path.write_text("FromDevice(eth0) -> Discard;")
        cfg = pathlib.Path(sprat("middlebox", path, "--only-cfg", "--memory", 16).stdout.strip())
        cfg.with_suffix(".cpio").write_bytes(middlebox.archive_of(b"/" * ((1 << 20) + 1)))
        done = sprat("run", cfg, "--timeout", 60)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("/config.click can't be read, or is longer than 1 MiB", done.stdout)

    def test_a_warning_is_told_before_the_guest_starts(self):
        path = self.folder / "host.click"
        path.write_text("FromDevice(eth0) -> ToHost")
        done = sprat("middlebox", path, "--only-cfg")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{path}:1:21: warning: ToHost@2: a guest has no host's stack", done.stderr)

    def test_an_address_without_its_network_is_refused(self):
        for words in ("10.0.0.1", "10.0.0.1/33", "10.0.0/24", "10.0.0.1/24@a b", "::1/64"):
            done = sprat("middlebox", "any.click", "--control", words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{words}: write an address with its network's length", done.stderr)

    def test_a_configuration_of_many_lines_runs_and_one_of_too_many_is_refused(self):
        lines = "".join(f"c{i} :: Counter;\nIdle -> c{i} -> Discard;\n" for i in range(500))
        path = self.folder / "long.click"
        path.write_text(f"FromDevice(eth0) -> Discard;\n{lines}")
        done = sprat("middlebox", path, "--timeout", 8)
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assertIn("middlebox: running\n", done.stdout)
        done = sprat("middlebox", path, "--memory", 2, "--timeout", 60)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"\d+:\d+: .*(there is too little|out of) memory")
        said = self.refused("Idle -> Discard;\n" * 2049)
        self.assertIn("FILE:2048:6: configuration too large: 4096 elements, 8192 connections",
                      said)  # fmt: skip

    def test_a_lab_that_does_not_run_is_told(self):
        self.assertIn("'nowhere'", self.refused(self.WIRE, "--lab", "nowhere"))

    def test_what_only_a_guest_can_know_is_passed_on(self):
        path = self.folder / "large.click"
        path.write_text("ARPTable(ENTRY_CAPACITY 1048576)")
        done = sprat("middlebox", path, "--timeout", 60)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"1:\d+: .*out of memory")
        # A cfg with less than it was made with, and an interface that is not in it.
        path.write_text("FromDevice(eth0) -> Discard; FromDevice(eth1) -> Discard;"
                        "FromDevice(eth2) -> Discard; FromDevice(eth3) -> Discard;")
        cfg = pathlib.Path(sprat("middlebox", path, "--only-cfg").stdout.strip())
        made = cfg.read_text()
        cfg.write_text(made.replace("memory = 2", "memory = 1"))
        said = sprat("run", cfg, "--timeout", 60).stdout
        self.assertRegex(said, r"1:\d+: .*there is no memory for its buffers; give the guest more")
        cfg.write_text(re.sub(r"vif = .*", 'vif = [ "bridge=xenbr0" ]', made))
        said = sprat("run", cfg, "--timeout", 60).stdout
        self.assertRegex(said, r"1:30: .*the guest has no such interface; its cfg lists")

    def test_words_that_name_no_bridge_are_refused(self):
        config = ROOT / "examples/middlebox/conf/bridge.click"
        for words in ("eth0", "eth0=", "=xenbr0", "eth0=a b", "eth0=abcdefghijklmnop", "0x=br"):
            done = sprat("middlebox", config, "--only-cfg", "--bridge", words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"--bridge {words}: write eth0=xenbr0", done.stderr)

    def test_controlsocket_s_interface_is_the_last_one_and_the_stack_s_only_one(self):
        path = self.folder / "led.click"
        path.write_text(f"{self.WIRE} ControlSocket(TCP, 7777);")
        for control, bridge in (("10.0.0.50/24@other", "other"), ("10.0.0.50/24", "xenbr0")):
            done = sprat("middlebox", path, "--only-cfg", "--control", control)
            self.assertEqual(done.returncode, 0, done.stderr)
            cfg = pathlib.Path(done.stdout.strip()).read_text()
            self.assertIn(f'vif = [ "bridge=xenbr0", "bridge=xenbr1", "bridge={bridge}" ]', cfg)
            self.assertIn("sprat.ip=off sprat.ip6=off sprat.ip1=off sprat.ip61=off"
                          " sprat.ip2=10.0.0.50/24 sprat.ip62=off /config.click", cfg)  # fmt: skip
            self.assertIn("\nmemory = 6\n", cfg)
            self.assertIn("/middlebox-control.xen", cfg)

    def test_words_for_the_guest_are_refused(self):
        done = sprat("middlebox", ROOT / "examples/middlebox/conf/bridge.click", "--only-cfg",
                     "--", "more")  # fmt: skip
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("a configuration takes no arguments after --", done.stderr)

    def test_a_bridge_for_a_device_that_is_not_there_is_refused(self):
        config = ROOT / "examples/middlebox/conf/bridge.click"
        done = sprat("middlebox", config, "--bridge", "eth7=br")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("the configuration has 2 devices", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
