#!/bin/sh
# The organisation of the demonstration: a front end and two mailbox servers in
# two sites, a mailbox on each. Run again, it changes nothing.
set -eu

domain=letsexchange.com

posthub domain set $domain DomainType=Authoritative
posthub site set Lisbon InboundMailEnabled=true
posthub site set Porto InboundMailEnabled=true
posthub sitelink set Lisbon-Porto Sites=Lisbon,Porto Cost=10

posthub server set FE1 Fqdn=fe1.$domain Site=Lisbon \
	Roles=FrontendTransport Frontend=fe1.$domain:25 OutboundProxy=fe1.$domain:717
posthub server set MBX1 Fqdn=mbx1.$domain Site=Lisbon \
	Roles=HubTransport,Mailbox Transport=mbx1.$domain:2525 \
	Delivery=mbx1.$domain:475
posthub server set MBX2 Fqdn=mbx2.$domain Site=Porto \
	Roles=HubTransport,Mailbox Transport=mbx2.$domain:2525 \
	Delivery=mbx2.$domain:475

posthub database set DB1 Servers=MBX1
posthub database set DB2 Servers=MBX2
posthub recipient set nuno@$domain RecipientType=UserMailbox Database=DB1
posthub recipient set mota@$domain RecipientType=UserMailbox Database=DB2
