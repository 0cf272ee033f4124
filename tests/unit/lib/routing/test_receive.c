#include "lib/routing/receive.h"
#include "tests/unit/lib/routing/world.h"

/* facts/exchange-routing.md section 6: overlap. */
#define EVERY "receiveconnector Default Server=M1\n"

static const struct {
	const char *rule, *world;
	const char *address; /* NULL: 192.0.2.10 */
	const char *client;
	const char *want; /* NULL: none */
} rows[] = {
    {"there is none", "", .client = "203.0.113.5"},
    {"one for everybody", EVERY, .client = "203.0.113.5", .want = "Default"},
    {"IPv6 as well", EVERY, .client = "2001:db8::5", .want = "Default"},
    {"not enabled", "receiveconnector D Enabled=false\n",
     .client = "203.0.113.5"},
    {"another server's", "receiveconnector D Server=M2\n",
     .client = "203.0.113.5"},
    {"this server's, without case", "receiveconnector D Server=m1\n",
     .client = "203.0.113.5", .want = "D"},
    {"no server's is everybody's", "receiveconnector D\n",
     .client = "203.0.113.5", .want = "D"},

    {"out of its ranges",
     "receiveconnector D RemoteIPRanges=198.51.100.0/24,192.0.2.1\n",
     .client = "203.0.113.5"},
    {"in one of them",
     "receiveconnector D RemoteIPRanges=198.51.100.0/24,192.0.2.1\n",
     .client = "192.0.2.1", .want = "D"},
    {"the most specific range wins",
     EVERY "receiveconnector Net RemoteIPRanges=203.0.113.0/24\n"
	   "receiveconnector One RemoteIPRanges=203.0.113.5\n"
	   "receiveconnector Some RemoteIPRanges=203.0.113.1-203.0.113.9\n",
     .client = "203.0.113.5", .want = "One"},
    {"a range of nine before one of 256",
     EVERY "receiveconnector Net RemoteIPRanges=203.0.113.0/24\n"
	   "receiveconnector Some RemoteIPRanges=203.0.113.1-203.0.113.9\n",
     .client = "203.0.113.6", .want = "Some"},
    {"of a connector only the range that holds the client counts",
     EVERY "receiveconnector Two RemoteIPRanges=10.0.0.1,203.0.112.0/23\n"
	   "receiveconnector Net RemoteIPRanges=203.0.113.0/24\n",
     .client = "203.0.113.6", .want = "Net"},
    {"borrowing over bytes",
     "receiveconnector A RemoteIPRanges=203.0.112.255-203.0.114.0\n"
     "receiveconnector B RemoteIPRanges=203.0.113.0-203.0.114.254\n",
     .client = "203.0.113.6", .want = "A"},
    {"equals: by name",
     "receiveconnector B RemoteIPRanges=203.0.113.0/24\n"
     "receiveconnector A RemoteIPRanges=203.0.113.0/24\n",
     .client = "203.0.113.5", .want = "A"},
    {"a client without an address", EVERY, .client = ""},

    {"another port", "receiveconnector D Bindings=0.0.0.0:587\n",
     .client = "203.0.113.5"},
    {"this port", "receiveconnector D Bindings=0.0.0.0:25\n",
     .client = "203.0.113.5", .want = "D"},
    {"[::] is any address", "receiveconnector D Bindings=\"[::]:25\"\n",
     .client = "203.0.113.5", .want = "D"},
    {"another address", "receiveconnector D Bindings=192.0.2.11:25\n",
     .client = "203.0.113.5"},
    {"one of several",
     "receiveconnector D Bindings=192.0.2.11:25,192.0.2.10:25\n",
     .client = "203.0.113.5", .want = "D"},
    {"IPv6", "receiveconnector D Bindings=\"[2001:db8::1]:25\"\n",
     .address = "2001:db8::1", .client = "203.0.113.5", .want = "D"},
    {"of equal ranges the address before any address",
     "receiveconnector A Bindings=0.0.0.0:25\n"
     "receiveconnector B Bindings=192.0.2.10:25\n",
     .client = "203.0.113.5", .want = "B"},
    {"and any address before no Bindings",
     "receiveconnector A\nreceiveconnector B Bindings=0.0.0.0:25\n",
     .client = "203.0.113.5", .want = "B"},
    {"but the range comes first",
     "receiveconnector A RemoteIPRanges=203.0.113.0/24\n"
     "receiveconnector B Bindings=192.0.2.10:25\n",
     .client = "203.0.113.5", .want = "A"},
    {"where the client came in is not known",
     "receiveconnector D Bindings=192.0.2.11:587\n", .address = "",
     .client = "203.0.113.5", .want = "D"},
};

START_TEST(test_choice)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *address =
		    rows[i].address != NULL ? rows[i].address : "192.0.2.10";
		struct world w;
		const struct ph_object *found;
		const char *name;

		world_open(&w, rows[i].world);
		found = ph_receive_find(&(struct ph_receive_query){
		    .snapshot = w.snapshot,
		    .server = "M1",
		    .address = address,
		    .port = *address == '\0' ? 0 : 25,
		    .client = rows[i].client,
		});
		name = found != NULL ? ph_object_name(found) : NULL;
		ck_assert_msg(g_strcmp0(name, rows[i].want) == 0, "%s: %s",
			      rows[i].rule, name);
		world_close(&w);
	}
}
END_TEST

UNIT_MAIN("routing/receive", test_choice)
