#!/bin/bash
# health.sh PORT [WORD]: asks the service on a port of this host for what a
# client would: a greeting, WORD (EHLO; LHLO for a store driver) and a sender,
# which the milters and the daemons behind the port must agree to.
set -eu

port=$1
word=${2:-EHLO}

answer() {
	local line

	while read -r -t 5 line <&3; do
		case $line in
		"$1-"*) ;;
		"$1 "*) return 0 ;;
		*) break ;;
		esac
	done
	echo "port $port: ${line:-no answer}" >&2
	exit 1
}

exec 3<>"/dev/tcp/127.0.0.1/$port"
answer 220
printf '%s localhost\r\n' "$word" >&3
answer 250
printf 'MAIL FROM:<>\r\n' >&3
answer 250
printf 'QUIT\r\n' >&3
