#ifndef SOURCES_H
#define SOURCES_H

#include "policy/maps.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/lib/routing/world.h"

#define ORG                                            \
	"site A\n"                                     \
	"site B\n"                                     \
	"sitelink AB Sites=A,B Cost=10\n"              \
	"server MBX1 Site=A Fqdn=mbx1.test\n"          \
	"server MBX2 Site=B Fqdn=mbx2.test\n"          \
	"database DB1 Servers=MBX1\n"                  \
	"database DB2 Servers=MBX2\n"                  \
	"domain test.org\n"                            \
	"domain relay.test DomainType=InternalRelay\n" \
	"domain tree.test MatchSubDomains=true\n"

/* An organisation of two sites, seen from MBX1, and its people. */
struct org {
	struct world world;
	struct ph_directory *directory, *down;
	struct ph_sources sources;
};

G_GNUC_UNUSED static void
org_open(struct org *org)
{
	struct ph_object *entries[] = {
	    people_mailbox("nuno@test.org",
			   "|PrimarySmtpAddress=Nuno@test.org"
			   "|EmailAddresses=n@test.org,n@legacy.test"),
	    unit_object_line(
		"recipient|mota@test.org|RecipientType=UserMailbox|"
		"Database=DB2|EmailAddresses=two@test.org"),
	    unit_object_line(
		"recipient|lost@test.org|RecipientType=UserMailbox|"
		"Database=DB9"),
	    people_mailbox("b@test.org", "|EmailAddresses=two@test.org"),
	    unit_object_line("recipient|c@test.org|RecipientType=MailContact|"
			     "ExternalEmailAddress=c@outside.test"),
	    unit_object_line(
		"recipient|d@partner.test|RecipientType=MailContact|"
		"ExternalEmailAddress=D@Partner.test"),
	    unit_object_line("recipient|all@test.org|"
			     "RecipientType=MailUniversalDistributionGroup|"
			     "Members=nuno@test.org"),
	    unit_object_line("recipient|some@test.org|"
			     "RecipientType=DynamicDistributionGroup|"
			     "RecipientFilter=Title -eq x"),
	    unit_object_line("recipient|far@test.org|RecipientType=MailGroup|"
			     "Members=nuno@test.org|ExpansionServer=mbx2"),
	    unit_object_line("recipient|near@test.org|RecipientType=MailGroup|"
			     "Members=nuno@test.org|ExpansionServer=mbx1"),
	    unit_object_line("recipient|off@test.org|RecipientType=MailGroup|"
			     "Members=nuno@test.org|ExpansionServer=MBX9"),
	    people_mailbox("only@test.org", "|ForwardingAddress=n@test.org"),
	    people_mailbox("both@test.org",
			   "|ForwardingSmtpAddress=x@outside.test"
			   "|DeliverToMailboxAndForward=true"),
	    people_mailbox("lost2@test.org",
			   "|ForwardingAddress=nobody@test.org"),
	    people_mailbox("ring1@test.org",
			   "|ForwardingAddress=ring2@test.org"),
	    people_mailbox("ring2@test.org",
			   "|ForwardingAddress=ring1@test.org"),
	    people_mailbox("pair@test.org", "|ForwardingAddress=pair@test.org"
					    "|DeliverToMailboxAndForward=true"),
	    people_mailbox("shared@test.org", "|SendAs=all@test.org"
					      "|UserLogonName=login\na b,c"),
	    unit_object_line("recipient|staff@test.org|"
			     "RecipientType=MailUniversalDistributionGroup|"
			     "Members=nuno@test.org|"
			     "AcceptMessagesOnlyFromDLMembers=all@test.org"),
	    unit_object_line("recipient|inside@test.org|"
			     "RecipientType=MailUniversalDistributionGroup|"
			     "Members=nuno@test.org|MaxReceiveSize=10KB|"
			     "RequireSenderAuthenticationEnabled=true"),
	};

	world_open(&org->world, ORG);
	org->directory = ph_directory_memory(
	    (const struct ph_object *const *)entries, G_N_ELEMENTS(entries));
	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		ph_object_unref(&entries[i]);
	org->down = ph_directory_failing(PH_ERR_TEMP, "down");
	org->sources = (struct ph_sources){
	    .directory = org->directory,
	    .snapshot = org->world.snapshot,
	    .topology = org->world.topology,
	    .server = "MBX1",
	};
}

G_GNUC_UNUSED static void
org_close(struct org *org)
{
	ph_directory_close(&org->directory);
	ph_directory_close(&org->down);
	world_close(&org->world);
}

#endif
