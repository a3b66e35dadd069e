# SPDX-License-Identifier: BSD-2-Clause
"""The cases of `sprat bench net`: clients in dom0, servers in a Linux guest, Sprat's guests."""

import dataclasses

from spratlib import paths

ADDRESS, DOM0 = "10.0.0.2", "10.0.0.1"
ADDRESS6, DOM06 = "fd00::2", "fd00::1"
ADDRESS_WORDS = (f"sprat.ip={ADDRESS}/24", f"sprat.ip6={ADDRESS6}/64")
SERVER_PACKAGES = ("nginx", "nsd", "iperf", "iproute2")
CLIENT_PACKAGES = ("wrk", "dnsperf", "iperf")
CLIENTS = ("wrk", "dnsperf", "iperf")


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of traffic; client functions of its name are in CLIENT_FUNCTIONS."""

    name: str
    image: str  # Sprat's
    of: str  # what is counted
    server: str | None = None  # of the guest that is the client: dom0's address

    @property
    def paused(self):
        """Whether the guest is let go only when dom0's server is there."""
        return self.server is not None

    def words(self, seconds):
        """Return the words of its own on the guest's command line."""
        return (self.server, str(seconds)) if self.server else ()

    @property
    def needs_client(self):
        """Whether its client is not dom0's own."""
        return self.name != "ping"

    @property
    def waits(self):
        """Whether the guest mostly waits for the other side: a share of a CPU is enough for it."""
        return self.name == "ping"

    @property
    def guest(self):
        """What the guest is called; cases with one share it."""
        return f"{self.name}-client" if self.paused else self.image


CASES = (
    Case("ping", "dns", "ping"),
    Case("dns", "dns", "query"),
    Case("http", "httpd", "request"),
    Case("upload", "iperf", "MiB by TCP to it"),
    Case("upload6", "iperf", "MiB by TCP on IPv6"),
    Case("download", "iperf", "MiB by TCP from it", DOM0),
    Case("download6", "iperf", "MiB by TCP on IPv6", DOM06),
)

# For each case, warm_ lets both sides know each other (and caches fill), load_ prints how many, in
# how many ns, and a latency in us or "-". iperf's CSV line ends in bytes and bits per second; what
# it was given to do is done, so the time is what follows from both.
CLIENT_FUNCTIONS = r"""
from_csv() { # the last line counts: it is the whole test's
    awk -F, '$8 > 0 { count = $8 / 1048576; ns = $8 * 8e9 / $9 }
             END { if (!ns) exit 1; printf "%.3f %.0f -\n", count, ns }'
}
warm_ping() { ping -q -c 2 "$address"; }
load_ping() {
    ping -q -A -c 200 "$address" >/tmp/ping || return
    awk '/round-trip/ { split($4, ms, "/"); us = ms[2] * 1000
                        printf "200 %.0f %.1f\n", us * 200 * 1000, us }' /tmp/ping
}
warm_dns() { dnsperf -s "$address" -d queries -l 1 -c 4 -q 8 -Q 100; }
load_dns() {
    dnsperf -s "$address" -d queries -l "$seconds" -c 4 -q 64 >/tmp/dnsperf || return
    awk '/Queries completed/ { count = $3 } /Run time/ { s = $4 }
         /Average Latency/ { us = $4 * 1e6 }
         END { if (!s) exit 1; printf "%d %.0f %.1f\n", count, s * 1e9, us }' /tmp/dnsperf
}
warm_http() { wrk -t 1 -c 4 -d 1 "http://$address:80/"; }
load_http() {
    wrk -t 1 -c 32 -d "$seconds" "http://$address:80/" >/tmp/wrk || return
    ! grep -E 'Socket errors|Non-2xx' /tmp/wrk >&2 || return
    awk '/requests in/ { count = $1 } /Requests\/sec/ { rate = $2 }
         END { if (!rate) exit 1; printf "%d %.0f -\n", count, count * 1e9 / rate }' /tmp/wrk
}
warm_upload() { iperf -c "$address" -n 1M -y C; }
load_upload() { iperf -c "$address" -t "$seconds" -y C >/tmp/iperf && from_csv </tmp/iperf; }
warm_upload6() { iperf -V -c "$address6" -n 1M -y C; }
load_upload6() { iperf -V -c "$address6" -t "$seconds" -y C >/tmp/iperf && from_csv </tmp/iperf; }
receive() { # CASE GUEST: from the guest, let go
    if [ "$2" = all-linux ]; then
        timeout "$limit" sh ask "$domid" bench "$(cat "$1.commands")"
    else
        lab-dominfo unpause "$domid" && timeout "$limit" sh wait "$domid" "sent "
    fi
}
download() { # CASE GUEST
    iperf -s -V -P 1 -y C >/tmp/iperf &
    server=$!
    until grep -q ':1389 .* 0A ' /proc/net/tcp6; do kill -0 $server || return; done
    if ! receive "$@" >&2; then
        kill $server # it would wait for ever, and the next one have no port
        wait $server
        return 1
    fi
    wait $server
    from_csv </tmp/iperf
}
warm_download() { :; }
load_download() { download download "$1"; }
warm_download6() { :; }
load_download6() { download download6 "$1"; }
"""
QUERIES = "".join(f"{name}.example.org {kind}\n" for name, kind in (
    ("www", "A"), ("api", "A"), ("mail", "A"), ("ns1", "AAAA"), ("nothing", "A"), ("x.dyn", "A"),
    ("note", "TXT"), ("host.sub", "A"), ("mail", "AAAA"), ("a.b.c", "A"),
)) + "example.org MX\n"  # fmt: skip

# In the Linux guest: as few processes and as little work for a request as they can be told.
NGINX = b"""user root root;
worker_processes 1;
error_log /dev/null;
events { worker_connections 1024; multi_accept on; }
http {
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
    open_file_cache max=100; keepalive_requests 1000000;
    types { text/html html; text/css css; }
    server { listen 80 backlog=511; root /www; index index.html; }
}
"""
NSD = b"""server:
    server-count: 1
    zonesdir: "/zones"
    database: ""
    username: ""
    logfile: "/tmp/nsd.log"
    pidfile: "/tmp/nsd.pid"
    xfrdfile: "/tmp/xfrd.state"
    zonelistfile: "/tmp/zone.list"
    rrl-ratelimit: 0
    minimal-responses: yes
    verbosity: 0
remote-control:
    control-enable: no
zone:
    name: example.org
    zonefile: example.org.zone
"""
SERVE = f"""set -e
ip addr add {ADDRESS}/24 dev eth0
ip link set eth0 up
ip addr add {ADDRESS6}/64 dev eth0 nodad
nginx
nsd -c /etc/nsd/nsd.conf
iperf -s -V -D >/tmp/iperf.log 2>&1
"""


def downloads(seconds):
    """Return what the Linux guest is told where it is the client: {case: command}."""
    # With -V, an address of IPv4 is none.
    family = {DOM0: "", DOM06: "-V "}
    return {case.name: f"iperf {family[case.server]}-c {case.server} -t {seconds} -y C"
            for case in CASES if case.paused}  # fmt: skip


def server_files():
    """Return the Linux guest's files: configurations, and what Sprat's guests serve as well."""
    pages = paths.REPOSITORY / "examples/httpd/www"
    files = {f"www/{path.name}": path.read_bytes() for path in sorted(pages.iterdir())}
    zone = paths.REPOSITORY / "examples/dns/zones/example.org.zone"
    return {**files, "zones/example.org.zone": zone.read_bytes(),
            "etc/nginx/nginx.conf": NGINX, "etc/nsd/nsd.conf": NSD}  # fmt: skip
