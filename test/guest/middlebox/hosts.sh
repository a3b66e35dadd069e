# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For dom0: hosts around a middlebox, each a network namespace that holds one of its wires, and the
# middlebox's handlers. $folder is the guest's folder in xenstore.

spaces=/run/middlebox-hosts

# begin DOMID HOST...: a namespace for each of the guest's interfaces, from vifDOMID.0 on. The
# interface of the host "-" stays where it is.
begin() {
    domid=$1
    shift
    number=0
    mkdir -p $spaces
    for host; do
        [ "$host" != - ] || { number=$((number + 1)) && continue; }
        unshare -n sleep 100000 </dev/null >/dev/null 2>&1 &
        echo $! >"$spaces/$host"
        # It is a namespace of its own only once unshare has run.
        until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
        ip link set "vif$domid.$number" netns $!
        on "$host" ip link set "vif$domid.$number" name wire
        on "$host" ip link set wire address "02:00:00:00:0$number:99"
        on "$host" ip link set lo up
        on "$host" ip link set wire up
        number=$((number + 1))
    done
}

# end HOST...
end() {
    for host; do
        kill "$(cat "$spaces/$host")"
        rm "$spaces/$host"
    done
}

# on HOST COMMAND...
on() {
    where=$1
    shift
    nsenter "-t$(cat "$spaces/$where")" -n "$@"
}

# host HOST [ADDRESS/BITS...]: these are its addresses now, and it knows no neighbours.
host() {
    who=$1
    shift
    # shellcheck disable=SC2016 # it is another shell's $@
    on "$who" sh -c '{ ip addr flush dev wire; ip neigh flush dev wire; } >/dev/null 2>&1
        for address; do ip addr add "$address" dev wire; done' host "$@"
}

servers=
# shellcheck disable=SC2086 # several words
trap 'kill $servers 2>/dev/null || true' EXIT

# start HOST PORT COMMAND...: a server, until the script ends; waits until it listens.
start() {
    space=$(cat "$spaces/$1")
    port=$2
    shift 2
    nsenter "-t$space" -n "$@" &
    servers="$servers $!"
    until nsenter "-t$space" -n netstat -ltun | grep -q ":$port "; do
        kill -0 $! || return 1
    done
}

# web HOST ADDRESS PORT: a web server; its page /name is its address, and /bulk 200,000 bytes.
web() {
    mkdir -p "/tmp/web/$2"
    echo "$2" >"/tmp/web/$2/name"
    [ -s "/tmp/web/$2/bulk" ] || head -c 200000 /dev/urandom | base64 >"/tmp/web/$2/bulk"
    start "$1" "$3" httpd -f -p "$2:$3" -h "/tmp/web/$2"
}

# get HOST ADDRESS PORT PAGE [SECONDS]: prints the page, or "nothing" when none comes.
get() {
    printf 'GET /%s HTTP/1.0\r\n\r\n' "$4" |
        on "$1" timeout "${5:-20}" nc "$2" "$3" 2>/dev/null | sed '1,/^\r$/d' >/tmp/page
    cat /tmp/page
    [ -s /tmp/page ] || echo nothing
}

# try HOST ADDRESS PORT PAGE: as get, where nothing is expected.
try() {
    get "$1" "$2" "$3" "$4" 1
}

# ask REQUEST: in ControlSocket's words; prints the answer.
ask() {
    xenstore-rm "${folder:?}/replies" 2>/dev/null || true
    xenstore-write "$folder/request" "$1"
    tries=0
    until replies=$(xenstore-read "$folder/replies" 2>/dev/null); do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || return 1
        usleep 10000
    done
    piece=0
    while [ $piece -lt "$replies" ]; do
        printf '%s' "$(xenstore-read -R "$folder/reply/$piece")"
        piece=$((piece + 1))
    done
    echo
}

# value HANDLER: what it holds.
value() {
    ask "READ $1" | sed '1,/^DATA /d'
}

# wait_for HANDLER VALUE: until it holds that; 20 s at most.
wait_for() {
    looks=0
    until [ "$(value "$1")" = "$2" ]; do
        looks=$((looks + 1))
        [ $looks -lt 400 ] || return 1
        usleep 20000
    done
}

# received HOST: how many packets came out of its wire so far.
received() {
    # shellcheck disable=SC2016 # awk's $3
    on "$1" awk '/wire:/ { print $3 }' /proc/net/dev
}
