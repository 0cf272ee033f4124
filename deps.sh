#!/bin/sh
# Installs what posthub needs to be built and tested, from Debian packages.
# Says what it does; does nothing when all is there. "deps.sh lint" installs
# the tools of "make lint" as well, "deps.sh samba" what "make check-samba" needs.
set -eu

build='gcc make pkg-config libc6-dev'
libraries='libglib2.0-dev libmilter-dev libhiredis-dev
	libldap-dev libsasl2-dev libunistring-dev liblmdb-dev libjansson-dev
	libsmartcols-dev libsystemd-dev libpcre2-dev nettle-dev
	libcurl4-gnutls-dev glib-networking libxml2-dev libarchive-dev
	libgsf-1-dev libpoppler-glib-dev libqpdf-dev libuchardet-dev libmagic-dev
	libseccomp-dev libytnef0-dev'
tests='check postfix redis-server redis-tools slapd ldap-utils openssl
	sasl2-bin libsasl2-modules libsasl2-modules-gssapi-mit python3
	python3-pytest python3-pytest-xdist python3-yaml procps mandoc dnsmasq-base
	clamav-daemon rspamd dovecot-imapd dovecot-lmtpd iproute2 e2fsprogs'
lint='clang-format clang-tidy cppcheck'
samba='samba samba-ad-dc samba-ad-provision samba-dsdb-modules
	samba-vfs-modules winbind ldb-tools iproute2 krb5-user'

# Hyperscan, or its twin for other processors: the two exclude each other.
case $(dpkg --print-architecture 2>/dev/null) in
amd64 | i386) libraries="$libraries libhyperscan-dev" ;;
*) libraries="$libraries libvectorscan-dev" ;;
esac

packages="$build $libraries $tests"
case ${1-} in
'') ;;
lint) packages="$packages $lint" ;;
samba) packages="$packages $samba" ;;
*)
	echo 'usage: deps.sh [lint | samba]' >&2
	exit 64
	;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo 'deps.sh: this is not Debian; posthub needs these or their like:' >&2
	echo $packages >&2
	exit 69
fi

# Installed under its own name, or provided by another package.
installed() {
	test "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
		installed && return
	dpkg-query -W -f '${db:Status-Status} ${Provides}\n' 2>/dev/null |
		grep -Eq "^installed .*(^|[ ,])$1([ ,]|\$)"
}

missing=
for package in $packages; do
	installed "$package" || missing="$missing $package"
done
test -n "$missing" || exit 0

echo "deps.sh: to be installed:$missing"
if test "$(id -u)" -ne 0; then
	echo "deps.sh: not root; run: sudo $0 ${1-}" >&2
	exit 77
fi

# Postfix and Redis are here for tests, which run instances of their own:
# the system's are not started. A policy that is there already is kept.
policy=/usr/sbin/policy-rc.d
if ! test -e $policy; then
	trap 'rm -f $policy' EXIT
	trap 'exit 130' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi

export DEBIAN_FRONTEND=noninteractive
apt='apt-get -q -o DPkg::Lock::Timeout=300'
# Without an answer Postfix would ask which kind of mail server this is.
if command -v debconf-set-selections >/dev/null; then
	echo 'postfix postfix/main_mailer_type select No configuration' |
		debconf-set-selections
fi
$apt update
$apt install -y --no-install-recommends $missing
echo 'deps.sh: done'
