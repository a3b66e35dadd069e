# SPDX-License-Identifier: BSD-2-Clause
"""A guest among a network's real servers: dnsmasq gives it addresses and tells it names, on a
bridge of its own. Groups, raw sockets, interfaces that come and go, a static address by xl's
ip=."""

import re
import shlex
import unittest

from support import BUILD, bring, console, dom0, eventually

PLACE = "/tmp/addresses"
BRIDGE = "xenbr7"
MANAGED = "xenbr8"  # its router says that addresses are given
SERVER = "10.7.0.1"
MAC = "00:16:3e:07:00:01"
AUTOMATIC6 = "fd07::216:3eff:fe07:1"  # SLAAC makes it of the MAC
STATIC = "10.7.0.80"
NAME = "addresses"
programs = {}
TAKEN = "fd08::77"  # by dom0, and given to the next all the same
NEXT = "00:16:3e:08:00:01"
DNSMASQ = (
    f"--interface={BRIDGE} --interface={MANAGED} --bind-interfaces"
    " --conf-file=/dev/null --user=root --no-resolv"
    f" --no-hosts --pid-file={PLACE}/pid --dhcp-leasefile={PLACE}/leases --enable-ra"
    " --dhcp-range=10.7.0.50,10.7.0.60,255.255.255.0,10m --dhcp-range=fd07::,ra-stateless,64"
    # By DHCPv6 alone: router advertisements tell of no name server.
    " --dhcp-option=option6:dns-server --dhcp-option=tag:dhcpv6,option6:dns-server,[fd07::1]"
    f" --dhcp-range=fd08::50,fd08::60,64,10m --dhcp-host=id:00:03:00:01:{NEXT},[{TAKEN}]"
    f" --log-dhcp --log-facility={PLACE}/log"
    " --host-record=both.example,10.7.0.9,fd07::9 --local=/example/"
)


def create(name, vif, words, bridge=BRIDGE):
    """Start the guest with an interface."""
    cfg = shlex.quote(f"{BUILD}/test/guest/test-addresses.cfg")
    extra, vif = shlex.quote(f'extra="{words}"'), shlex.quote(f'vif=["bridge={bridge},{vif}"]')
    dom0(f"rm -f /var/log/xen/console/guest-{name}.log;"  # of an earlier run
         f" xl create -q -e {cfg} 'name=\"{name}\"' {extra} {vif}")  # fmt: skip


def pings(address):
    """Return whether an address answers dom0."""
    return "1 packets received" in dom0(f"ping -c 1 -W 2 {address} 2>&1 || true")


def setUpModule():
    """Make the bridge; start dnsmasq from its Debian packages, and the guest."""
    programs["run"] = bring(PLACE, ["dnsmasq-base", "netcat-openbsd"], ["dnsmasq", "nc.openbsd"])
    for bridge, addresses in ((BRIDGE, (f"{SERVER}/24", "fd07::1/64")),
                              (MANAGED, ("fd08::1/64", f"{TAKEN}/64"))):  # fmt: skip
        dom0(f"brctl addbr {bridge} && echo 0 >/proc/sys/net/ipv6/conf/{bridge}/accept_dad &&"
             + "".join(f" ip addr add {address} dev {bridge} &&" for address in addresses)
             + f" ip link set {bridge} up")  # fmt: skip
    dom0(f"ip route add 239.7.0.0/16 dev {BRIDGE}")
    dom0(f"{programs['run']}dnsmasq {DNSMASQ}")
    create(NAME, f"mac={MAC}", f"{SERVER} both.example nobody.example")
    eventually(lambda: "listening" in console(NAME))


def tearDownModule():
    """Leave nothing."""
    dom0(f"xl destroy {NAME}; kill $(cat {PLACE}/pid);"
         f" for bridge in {BRIDGE} {MANAGED};"
         " do ip link set $bridge down; brctl delbr $bridge; done;"
         f" rm -rf {PLACE}; true")  # fmt: skip


class Servers(unittest.TestCase):
    """What the guest got when it started."""

    def test_dhcp_gives_an_address_and_the_server_knows_who_has_it(self):
        address = re.search(r"vif0: address (\S+)", console(NAME))[1]
        self.assertRegex(address, r"^10\.7\.0\.(5\d|60)$")
        self.assertIn(f"{MAC} {address} {NAME}", dom0(f"cat {PLACE}/leases").replace("test-", ""))
        self.assertTrue(pings(address))

    def test_a_router_s_prefix_and_the_mac_make_an_ipv6_address(self):
        eventually(lambda: pings(AUTOMATIC6))

    def test_names_are_resolved_to_addresses_of_both_families(self):
        self.assertRegex(console(NAME), r"both\.example is 10\.7\.0\.9\b")
        self.assertRegex(console(NAME), r"both\.example is fd07::9\b")

    def test_a_name_that_is_not_there_is_none(self):
        self.assertIn("nobody.example: no such name", console(NAME))

    def test_a_raw_socket_pings(self):
        self.assertIn(f"{SERVER} answers", console(NAME))

    def test_a_datagram_that_nobody_takes_is_refused(self):
        self.assertIn(f"::ffff:{SERVER}, by a datagram: Connection refused", console(NAME))


class OnlySix(unittest.TestCase):
    """A guest without IPv4."""

    def test_stateless_dhcpv6_tells_of_the_name_server(self):
        create("six", "mac=00:16:3e:07:00:06", "sprat.ip=off - both.example")
        self.addCleanup(dom0, "xl destroy six")
        eventually(lambda: "listening" in console("six"))
        self.assertRegex(console("six"), r"both\.example is fd07::9\b")
        self.assertTrue(pings("fd07::216:3eff:fe07:6"))
        log = dom0(f"cat {PLACE}/log")
        self.assertIn("DHCPINFORMATION-REQUEST", log)
        self.assertRegex(log, r"sent size: *16 option: *23 dns-server *fd07::1")


class Managed(unittest.TestCase):
    """Addresses of IPv6 that a server gives."""

    def given(self, name):
        """Return the address that a guest says it was given."""
        said = re.compile(r"vif0: address (fd08::[0-9a-f]+)$", re.M)
        return eventually(lambda: said.search(console(name)))[1]

    def test_an_address_that_somebody_has_is_declined_for_another(self):
        create("managed", f"mac={NEXT}", "sprat.ip=off - both.example", MANAGED)
        self.addCleanup(dom0, "xl destroy managed")
        address = self.given("managed")
        self.assertIn(f"vif0: address {TAKEN} is somebody else's, too", console("managed"))
        self.assertRegex(address, r"^fd08::(5[0-9a-f]|60)$")
        eventually(lambda: "both.example is fd07::9" in console("managed"))
        self.assertTrue(pings(address))
        self.assertIn(f" {address} ", dom0(f"cat {PLACE}/leases"))
        self.assertIn(f"disabling DHCP static address {TAKEN}", dom0(f"cat {PLACE}/log"))

    def test_the_command_line_asks_for_one(self):
        create("asking", "mac=00:16:3e:08:00:02", "sprat.ip=off sprat.ip6=dhcp", MANAGED)
        self.addCleanup(dom0, "xl destroy asking")
        self.assertTrue(pings(self.given("asking")))


class Typed(unittest.TestCase):
    """A guest whose address of IPv6 is given."""

    def test_it_connects_when_its_address_is_known_to_be_nobody_else_s(self):
        create("typed6", "mac=00:16:3e:07:00:08",
               "sprat.ip=10.7.0.81/24 sprat.ip6=fd07::81/64 fd07::1")  # fmt: skip
        self.addCleanup(dom0, "xl destroy typed6")
        eventually(lambda: "listening" in console("typed6"))
        self.assertIn("fd07::1, later: Connection already in progress", console("typed6"))
        self.assertIn("fd07::1: Connection refused", console("typed6"))
        self.assertIn("fd07::1, in the end: Connection refused", console("typed6"))
        self.assertIn("fd07::1, by a datagram: Connection refused", console("typed6"))


class Groups(unittest.TestCase):
    """IGMP's and MLD's."""

    def send(self, address, text):
        """Send a datagram to a group."""
        dom0(f"echo -n {text} | {programs['run']}nc.openbsd -u -q 0 -w 1 {address} 7000")

    def test_a_joined_group_is_heard_and_no_other(self):
        self.send("239.7.7.8", "stranger")
        self.send("239.7.7.7", "four")
        eventually(lambda: "heard four" in console(NAME), 20)
        self.send(f"ff02::7777%{BRIDGE}", "six")
        eventually(lambda: "heard six" in console(NAME), 20)
        self.assertNotIn("stranger", console(NAME))

    def test_the_backend_keeps_other_groups_from_the_guest(self):
        dropped = f"cat /sys/class/net/vif$(xl domid {NAME}).0/statistics/tx_dropped"
        before, n = int(dom0(dropped)), 20
        stranger = shlex.quote(str(BUILD / "test/guest/stranger"))
        dom0(f"modprobe tun; {stranger} {BRIDGE} 239.7.7.9 7000 another {n}"
             f" && {stranger} {BRIDGE} 239.7.7.7 7000 near 1")  # fmt: skip
        eventually(lambda: "heard near" in console(NAME), 20)
        self.assertGreaterEqual(int(dom0(dropped)), before + n)


class Plugging(unittest.TestCase):
    """Interfaces come and go."""

    def test_an_interface_that_is_unplugged_is_gone_and_another_takes_its_place(self):
        dom0(f"xl network-detach {NAME} 0")
        eventually(lambda: "vif0: unplugged" in console(NAME))
        self.assertFalse(pings(AUTOMATIC6))
        dom0(f"xl network-attach {NAME} mac={MAC} bridge={BRIDGE}")
        eventually(lambda: pings(AUTOMATIC6))

    def test_an_address_in_xl_s_ip_is_taken(self):
        create("static", f"ip={STATIC}", SERVER)
        self.addCleanup(dom0, "xl destroy static")
        eventually(lambda: "listening" in console("static"))
        self.assertIn(f"{SERVER} answers", console("static"))
        self.assertTrue(pings(STATIC))


if __name__ == "__main__":
    unittest.main(verbosity=2)
