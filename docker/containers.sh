#!/bin/bash
# Builds the images and runs docker/compose.yaml, with nothing but Debian
# packages: "make containers". A mail is handed in from outside, another is saved
# in Nuno's Outbox on MBX1; it is a success when both are in Mota's mailbox on
# MBX2, once.
#
#     docker/containers.sh [SERVICE]   where it is handed in (fe1)
#
# Wants Debian 12, root and Debian's archive. The base image is made by
# debootstrap and the image by buildah; Docker Engine and compose are unpacked
# below $WORK, never installed, and the engine runs in a network namespace of
# its own, so that it touches neither a Docker nor a firewall that is here.
# $WORK keeps what was fetched for the next run; KEEP=1 leaves all running.
set -eu

service=${1:-fe1}
WORK=${WORK:-/var/tmp/posthub-containers}
root=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm
name=phdk$$
run=$(mktemp -d /var/tmp/phdk.XXXXXX) # short: it holds UNIX sockets
export CONTAINERS_STORAGE_CONF=$WORK/storage.conf
export DOCKER_CONFIG=$WORK/config
export DOCKER_HOST=unix://$run/docker.sock
tools=$WORK/tools
PATH=$tools/usr/bin:$tools/usr/sbin:$PATH:/usr/sbin:/sbin

say() {
	echo "containers: $*" >&2
}

fail() {
	say "$*"
	exit 1
}

# ---- what is needed --------------------------------------------------------

mirror() {
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
		'Created-By: Packages' | awk -v s=$suite '$2 == s { print $1; exit }'
}

install_packages() {
	local missing=

	for package in buildah runc iptables iproute2 debootstrap python3; do
		dpkg -s $package >/dev/null 2>&1 || missing="$missing $package"
	done
	test -n "$missing" || return 0
	say "installing$missing"
	apt-get -q -o DPkg::Lock::Timeout=300 update
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends $missing
}

# apt with lists of its own for one suite: fetch SUITE PACKAGE...
fetch() {
	local from=$1 dir=$WORK/apt-$1 options

	shift
	mkdir -p $dir/lists/partial $dir/cache/archives/partial \
		$dir/etc/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d}
	: >$dir/status
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $from main" \
		>$dir/etc/sources.list
	options="-q -o Dir::Etc=$dir/etc -o Dir::State=$dir
		-o Dir::State::Lists=$dir/lists -o Dir::State::status=$dir/status
		-o Dir::Cache=$dir/cache"
	apt-get $options update
	(cd $WORK/debs && apt-get $options download "$@")
}

# Compose 2 is in Debian 13 only; it is one program that runs on 12 as well.
get_tools() {
	test ! -e $WORK/tools.done || return 0
	say 'fetching Docker Engine and compose'
	rm -rf $tools $WORK/debs
	mkdir -p $tools $WORK/debs $DOCKER_CONFIG/cli-plugins
	fetch $suite docker.io containerd tini
	fetch trixie docker-compose
	for deb in $WORK/debs/*.deb; do
		dpkg-deb -x $deb $tools
	done
	echo '{}' >$DOCKER_CONFIG/config.json
	cp $tools/usr/libexec/docker/cli-plugins/docker-compose \
		$DOCKER_CONFIG/cli-plugins/
	touch $WORK/tools.done
}

# ---- images ----------------------------------------------------------------

make_base() {
	local tree=$WORK/$suite container mount

	printf '%s\n' '[storage]' 'driver = "overlay"' \
		"runroot = \"$run/buildah\"" "graphroot = \"$WORK/graph\"" \
		>$WORK/storage.conf
	! buildah inspect --type image localhost/debian:$suite >/dev/null 2>&1 ||
		return 0
	say "making the base image from $(mirror)"
	test -e $tree.done ||
		{ rm -rf $tree && debootstrap --variant=minbase $suite $tree "$(mirror)"; }
	touch $tree.done
	container=$(buildah from scratch)
	mount=$(buildah mount $container)
	tar -C $tree -cf - . | tar -C $mount -xf -
	rm -rf $mount/var/cache/apt/archives/*.deb
	printf '%s\n' "deb $(mirror) $suite main" "deb $(mirror) $suite-updates main" \
		>$mount/etc/apt/sources.list
	buildah umount $container >/dev/null
	buildah config --cmd /bin/bash $container
	buildah commit -q $container localhost/debian:$suite >/dev/null
	buildah rm $container >/dev/null
}

build() {
	local image=$1 target=$2

	say "building $image"
	buildah bud --isolation chroot --pull-never --layers --format docker \
		--build-arg BASE=localhost/debian:$suite -f $root/docker/Dockerfile \
		--target $target -t $image $root >$run/build.log 2>&1 ||
		{ tail -40 $run/build.log >&2; fail "$image was not built"; }
}

# ---- the engine ------------------------------------------------------------

start_engine() {
	ip netns add $name
	ip -n $name link set lo up
	# Not "ip netns exec", which mounts a /sys without control groups.
	nsenter --net=/run/netns/$name dockerd --data-root $run/data \
		--exec-root $run/exec -H $DOCKER_HOST --pidfile $run/docker.pid \
		--bip 172.31.255.1/24 \
		--default-address-pool base=172.30.0.0/16,size=24 \
		>$run/docker.log 2>&1 &
	engine=$!
	for _ in $(seq 100); do
		! docker version >/dev/null 2>&1 || return 0
		kill -0 $engine 2>/dev/null || break
		sleep 0.1
	done
	tail -20 $run/docker.log >&2
	fail 'the engine does not start'
}

load() {
	buildah push -q $1 docker-archive:$run/image.tar:$1
	docker load -q -i $run/image.tar >&2
	rm $run/image.tar
}

compose() {
	docker compose -f $root/docker/compose.yaml "$@"
}

engine=
clean_up() {
	status=$?
	trap - EXIT
	test $status -eq 0 || compose logs --no-color --tail 60 >&2 || true
	if test -n "${KEEP-}"; then
		say "left running: DOCKER_HOST=$DOCKER_HOST DOCKER_CONFIG=$DOCKER_CONFIG"
		exit $status
	fi
	if test -n "$engine"; then
		compose down -v -t 5 >/dev/null 2>&1 || true
		kill $engine 2>/dev/null || true
		wait $engine 2>/dev/null || true
		ip netns del $name || true
	fi
	# The engine's own name space, and layers that a kill left mounted.
	awk -v r="$run/" 'index($2, r) == 1 { print $2 }' /proc/mounts | sort -r |
		while read -r mount; do umount "$mount"; done
	rm -rf "$run"
	exit $status
}

# ---- the mail --------------------------------------------------------------

# Prints the Message-ID.
send() {
	nsenter --net=/run/netns/$name python3 - "$1" "$2" <<'PYTHON'
import smtplib, sys, uuid
host, port = sys.argv[1:]
ident = f"<{uuid.uuid4()}@outside.example>"
with smtplib.SMTP(host, int(port), "client.outside.example", timeout=60) as smtp:
    smtp.sendmail("alice@outside.example", ["mota@letsexchange.com"], (
        f"From: alice@outside.example\r\nTo: mota@letsexchange.com\r\n"
        f"Subject: Between containers\r\nMessage-ID: {ident}\r\n"
        f"Date: Mon, 02 Jan 2023 10:00:00 +0000\r\n\r\nHello\r\n"))
print(ident)
PYTHON
}

# How many files of mota's mailbox on MBX2 hold the Message-ID.
copies() {
	compose exec -T mbx2 find \
		/var/lib/posthub/store/db2/letsexchange.com/mota \
		-type f -exec grep -lF -- "$1" {} + | wc -l
}

queues_empty() {
	for server in mbx1 mbx2; do
		compose exec -T $server postqueue -p | grep '^Mail queue is empty' >/dev/null ||
			return 1
	done
}

posthub() {
	compose exec -T mbx1 /bin/bash /usr/lib/posthub/entrypoint.sh tool "$@"
}

# Postfix's master is root, and gives it up for what it starts; ours are not.
check_users() {
	compose exec -T $1 sh -c 'cat /proc/[0-9]*/status' | awk '
		$1 == "Name:" { name = $2 }
		$1 == "Uid:" && name ~ /^posthub-/ { n++; root += $2 == 0 }
		END { exit n == 0 || root > 0 }' || fail "a daemon of $1 is root"
}

# within SECONDS COMMAND...: until it is true.
within() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		test $SECONDS -lt $end || return 1
		sleep 0.5
	done
}

arrived() {
	test "$(copies "$1")" -gt 0
}

delivered() {
	posthub track --message-id "$1" | grep DELIVER >/dev/null
}

# From Nuno's Outbox on MBX1, saved as an IMAP server saves it. Prints the
# Message-ID.
save_in_outbox() {
	local id="<$(cat /proc/sys/kernel/random/uuid)@letsexchange.com>"
	local box=/var/lib/posthub/store/db1/letsexchange.com/nuno/.Outbox

	printf '%s\r\n' 'From: nuno@letsexchange.com' \
		'To: mota@letsexchange.com' 'Subject: Testing Mail Flow' \
		"Message-ID: $id" 'Date: Mon, 02 Jan 2023 10:00:00 +0000' '' Hello |
		compose exec -T -u _posthub mbx1 sh -c "
			mkdir -p $box/tmp $box/new $box/cur &&
			cat >$box/tmp/1.nuno &&
			mv $box/tmp/1.nuno $box/cur/1.nuno:2,S"
	echo "$id"
}

send_from_outside() {
	local port=2525 address

	test $service != fe1 || port=25
	address=$(docker inspect --format \
		'{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $service)
	send "$address" $port
}

# expect MESSAGE-ID: in the mailbox once, out of every queue, and traced.
expect() {
	within 60 arrived "$1" || fail 'it did not arrive'
	within 60 queues_empty || fail 'a queue is not empty'
	within 30 delivered "$1" || fail 'it is not in the tracking log'
	posthub track --message-id "$1"
	test "$(copies "$1")" -eq 1 || fail "it is there $(copies "$1") times"
}

deliver() {
	local id

	id=$(send_from_outside)
	say "$service has taken $id"
	expect "$id"
	id=$(save_in_outbox)
	say "in Nuno's Outbox: $id"
	expect "$id"
}

test "$(id -u)" -eq 0 || fail 'not root'
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
mkdir -p $WORK
install_packages
get_tools
make_base
build localhost/posthub-redis redis
build localhost/posthub posthub
start_engine
load localhost/posthub-redis
load localhost/posthub
say 'starting the organisation'
compose up -d --no-build --wait $service mbx1 mbx2 >&2
for server in $service mbx1 mbx2; do
	check_users $server
done
deliver
say 'both mails are in the mailbox, once'
