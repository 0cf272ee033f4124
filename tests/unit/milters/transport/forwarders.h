#ifndef TESTS_UNIT_MILTERS_TRANSPORT_FORWARDERS_H
#define TESTS_UNIT_MILTERS_TRANSPORT_FORWARDERS_H

#include "tests/unit/milters/transport/message.h"

/* What each forwards to: "only" to u, "both" to u and keeps it, "out" to a
 * contact, "g" to the group all; ring1 and ring2 to each other. */
static const struct object forwarders[] = {
    {"recipient",
     "only@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "v@a.test"}}},
    {"recipient",
     "both@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "v@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "c@a.test",
     {{"RecipientType", "MailContact"},
      {"ExternalEmailAddress", "c@out.test"}}},
    {"recipient",
     "out@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "c@a.test"}}},
    {"recipient",
     "g@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "some@a.test"}}},
    {"recipient",
     "ring1@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "ring2@a.test"}}},
    {"recipient",
     "ring2@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "ring1@a.test"}}},
    {"recipient",
     "pair1@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "pair2@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "pair2@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "pair1@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "closed@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"AcceptMessagesOnlyFrom", "w@a.test"}}},
    {"recipient",
     "small@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"MaxReceiveSize", "99"}}},
    {"recipient",
     "toclosed@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "closed@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "fwd@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "only@a.test,both@a.test,g@a.test,c@a.test"}}},
    {"recipient",
     "back@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "circle@a.test"}}},
    {"recipient",
     "circle@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "back@a.test"}}},
    {"recipient",
     "wide@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "back@a.test,circle@a.test,u@a.test,widen@a.test"}}},
    {"recipient",
     "widen@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "wide@a.test"}}},
    {"recipient",
     "ofclosed@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "closed@a.test,u@a.test"}}},
};

static void
add_forwarders(struct ph_mail *mail)
{
	struct ph_object
	    *made[G_N_ELEMENTS(entries) + G_N_ELEMENTS(forwarders)];

	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		made[i] =
		    make_object(i < G_N_ELEMENTS(entries)
				    ? &entries[i]
				    : &forwarders[i - G_N_ELEMENTS(entries)]);
	ph_directory_close(&mail->directory);
	mail->directory = ph_directory_memory(
	    (const struct ph_object *const *)made, G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
}

#endif
