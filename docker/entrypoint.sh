#!/bin/bash
# What a container of the posthub image runs:
#
#     entrypoint.sh transport    a mailbox server: Postfix and its daemons
#     entrypoint.sh frontend     a front end: Postfix and its daemons
#     entrypoint.sh tool WORD... the command posthub
#     entrypoint.sh script FILE  a shell script that calls it
#
# Postfix's master needs root and gives it up for each of its processes; the
# daemons start as root to open their ports and become _posthub. Environment,
# unless /etc/posthub/posthub.conf is there already:
#
#     POSTHUB_SERVER   the name of the server: object (of the daemons)
#     POSTHUB_REDIS    [redis] url
#
# The host's name is Postfix's myhostname.
set -eu

conf=/etc/posthub/posthub.conf
shipped=/usr/share/posthub/postfix-conf
queue=/var/spool/postfix
maillog=/var/log/posthub/mail.log

say() {
	echo "entrypoint: $*" >&2
}

write_conf() {
	test ! -e $conf || return 0
	{
		printf '[server]\n'
		test -z "${POSTHUB_SERVER-}" || printf 'name = %s\n' "$POSTHUB_SERVER"
		printf '\n[redis]\nurl = %s\n' "${POSTHUB_REDIS:-redis://redis:6379}"
		printf '\n[tracking]\nmaillog = %s\n' $maillog
	} >$conf
}

as_posthub() {
	exec setpriv --reuid=_posthub --regid=_posthub --init-groups "$@"
}

# The role's files word for word, after the lines that only this host knows.
write_postfix() {
	cp "$shipped/$1"/* /etc/postfix/
	{
		printf '%s\n' "myhostname = $(hostname)" \
			'inet_protocols = ipv4' \
			"maillog_file = $maillog" ''
		cat "$shipped/$1/main.cf"
	} >/etc/postfix/main.cf
	# Readable by posthub-tracking: postlogd keeps what it finds.
	test -e $maillog || install -o postfix -g _posthub -m 640 /dev/null $maillog
	# What chrooted services look at.
	mkdir -p $queue/etc
	for file in localtime services hosts nsswitch.conf resolv.conf; do
		test ! -e /etc/$file || cp -L /etc/$file $queue/etc/$file
	done
	install -d -o _posthub -g postfix -m 2750 $queue/posthub
}

# Ends when the first of them ends, whichever it is: the container is started
# again whole.
run_all() {
	local program

	trap 'stop_all 0' TERM INT
	for program in "$@"; do
		"$program" -f -c $conf &
	done
	# Runs until "postfix stop".
	postfix start-fg &
	postfix=$!
	tail -n 0 -F $maillog &
	wait -n || true
	say 'a service ended'
	stop_all 1
}

# Postfix first: it takes nothing that the daemons could not look at. Asked
# again, because one that is only starting does not hear it.
stop_all() {
	trap '' TERM INT
	while kill -0 $postfix 2>/dev/null; do
		postfix stop 2>/dev/null || sleep 0.2
	done
	kill $(jobs -p) 2>/dev/null || true
	wait
	exit "$1"
}

role=${1-}
test $# -eq 0 || shift
case $role in
transport)
	write_conf
	write_postfix transport
	run_all posthub-policy posthub-transport posthub-delivery \
		posthub-submission posthub-tracking
	;;
frontend)
	write_conf
	write_postfix frontend
	run_all posthub-policy posthub-frontend
	;;
tool)
	write_conf
	as_posthub posthub "$@"
	;;
script)
	write_conf
	as_posthub sh "$@"
	;;
*)
	say "\"$role\" is no role; expected transport, frontend, tool or script"
	exit 64
	;;
esac
