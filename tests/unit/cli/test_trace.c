#include "cli/trace.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * Rows by hand: id, time (seconds after 10:00), client, server, connector,
 * source, event, recipients, message. The wanted order is that of the ids.
 */
struct line {
	const char *id, *time, *client, *server, *connector, *source, *event;
	const char *recipients, *message;
};

static struct ph_trace_row *
make_row(const struct line *line)
{
	struct ph_track_record record = {{NULL}};

	ph_track_setf(&record, PH_COL_DATE_TIME, "2026-11-21T10:00:%sZ",
		      line->time);
	ph_track_set(&record, PH_COL_LOG_ID, line->id);
	ph_track_set(&record, PH_COL_CLIENT_HOSTNAME, line->client);
	ph_track_set(&record, PH_COL_SERVER_HOSTNAME, line->server);
	ph_track_set(&record, PH_COL_CONNECTOR_ID, line->connector);
	ph_track_set(&record, PH_COL_SOURCE, line->source);
	ph_track_set(&record, PH_COL_EVENT_ID, line->event);
	ph_track_set(&record, PH_COL_RECIPIENT_ADDRESS,
		     line->recipients ? line->recipients : "mota@x.test");
	ph_track_set(&record, PH_COL_NETWORK_MESSAGE_ID,
		     line->message ? line->message : "m1");
	return ph_trace_row_new(&record, NULL);
}

/* Sorted from an order in which they may have come; the ids, in order. */
static char *
sorted(const struct line *lines, size_t n, GRand *random)
{
	g_autoptr(GPtrArray) rows =
	    g_ptr_array_new_with_free_func(ph_trace_row_free);
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(rows, make_row(&lines[i]));
	for (guint i = rows->len; random && i > 1; i--) {
		guint k = (guint)g_rand_int_range(random, 0, (gint)i);
		gpointer row = rows->pdata[i - 1];

		rows->pdata[i - 1] = rows->pdata[k];
		rows->pdata[k] = row;
	}
	ph_trace_sort(rows);
	for (guint i = 0; i < rows->len; i++) {
		const struct ph_trace_row *row = g_ptr_array_index(rows, i);

		g_string_append(out, ph_track_get(&row->record, PH_COL_LOG_ID));
	}
	return g_string_free(out, FALSE);
}

/* In whatever order they come, the lines of the table are the answer. */
static void
check_order(const struct line *lines, size_t n)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(1);
	g_autoptr(GString) want = g_string_new(NULL);

	for (size_t i = 0; i < n; i++)
		g_string_append(want, lines[i].id);
	for (int round = 0; round < 50; round++) {
		g_autofree char *got = sorted(lines, n, random);

		ck_assert_str_eq(got, want->str);
	}
}

#define DEFAULT2 "MBX2\\Default MBX2"
#define DELIVERY2 "MBX2\\Default Mailbox Delivery MBX2"
#define INTRA "Intra-Organization SMTP Send Connector"

/* Nuno on MBX1 writes to Mota on MBX2. SUBMIT is logged when the answer is
 * there, after the RECEIVE that it led to; what comes from Postfix's log has
 * whole seconds. */
START_TEST(test_two_servers)
{
	static const struct line lines[] = {
	    {"1", "01.100", "MBX1.lets.test", "MBX1", "", "STOREDRIVER",
	     "RECEIVE", NULL, NULL},
	    {"2", "01.900", "MBX1", "MBX2.lets.test", "", "STOREDRIVER",
	     "SUBMIT", NULL, NULL},
	    {"3", "01.500", "MBX1.lets.test", "MBX2", DEFAULT2, "SMTP",
	     "RECEIVE", NULL, NULL},
	    {"4", "01.510", "MBX2", "", "", "AGENT", "AGENTINFO", NULL, NULL},
	    {"5", "01.000", "MBX2", "MBX2.lets.test", INTRA, "SMTP", "SEND",
	     NULL, NULL},
	    {"6", "01.600", "MBX2.lets.test", "MBX2", DELIVERY2, "SMTP",
	     "RECEIVE", NULL, NULL},
	    {"7", "01.650", "MBX2", "MBX2", "", "STOREDRIVER", "DELIVER", NULL,
	     NULL},
	};

	check_order(lines, G_N_ELEMENTS(lines));
}
END_TEST

/* Two hubs, with a clock that is wrong on the way. */
START_TEST(test_hub_hop)
{
	static const struct line lines[] = {
	    {"1", "10.000", "client.test", "MBX1", "MBX1\\Default MBX1", "SMTP",
	     "RECEIVE", NULL, NULL},
	    {"2", "10.010", "MBX1", "", "", "AGENT", "AGENTINFO", NULL, NULL},
	    {"3", "10.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND", NULL,
	     NULL},
	    {"4", "05.000", "mbx1.x.test", "MBX2", DEFAULT2, "SMTP", "RECEIVE",
	     NULL, NULL},
	    {"5", "05.100", "MBX2", "", "", "AGENT", "AGENTINFO", NULL, NULL},
	    {"6", "05.000", "MBX2", "mbx2.x.test", INTRA, "SMTP", "SEND", NULL,
	     NULL},
	    {"7", "05.200", "mbx2.x.test", "MBX2", DELIVERY2, "SMTP", "RECEIVE",
	     NULL, NULL},
	    {"8", "05.300", "MBX2", "MBX2", "", "STOREDRIVER", "DELIVER", NULL,
	     NULL},
	};

	check_order(lines, G_N_ELEMENTS(lines));
}
END_TEST

/* A group that is opened behind the queue, in two portions; what is sent is
 * logged in whole seconds. */
START_TEST(test_group)
{
	static const struct line lines[] = {
	    {"1", "01.500", "client.test", "MBX2", DEFAULT2, "SMTP", "RECEIVE",
	     "all@x.test", NULL},
	    {"2", "01.510", "MBX2", "", "", "AGENT", "AGENTINFO", "all@x.test",
	     NULL},
	    {"3", "01.520", "MBX2", "", "", "ROUTING", "EXPAND",
	     "mota@x.test;in@x.test", NULL},
	    {"4", "01.521", "MBX2", "", "", "ROUTING", "EXPAND", "ana@x.test",
	     NULL},
	    {"5", "01.522", "MBX2", "", "", "ROUTING", "DUPLICATEEXPAND",
	     "mota@x.test", NULL},
	    {"6", "01.530", "MBX2", "", "", "ROUTING", "TRANSFER",
	     "mota@x.test", NULL},
	    {"7", "01.540", "MBX2", "", "", "ROUTING", "TRANSFER", "ana@x.test",
	     NULL},
	    {"8", "01.000", "MBX2", "MBX2.lets.test", INTRA, "SMTP", "SEND",
	     "mota@x.test;ana@x.test", NULL},
	    {"9", "01.600", "MBX2.lets.test", "MBX2", DELIVERY2, "SMTP",
	     "RECEIVE", "mota@x.test;ana@x.test", NULL},
	};

	check_order(lines, G_N_ELEMENTS(lines));
}
END_TEST

/* Two recipients in two transactions to one server: each RECEIVE after its own
 * SEND, which is half a minute after the other. */
START_TEST(test_two_transactions)
{
	static const struct line lines[] = {
	    {"1", "10.000", "c.test", "MBX1", "MBX1\\Default MBX1", "SMTP",
	     "RECEIVE", "a@x.test;b@x.test", NULL},
	    {"2", "11.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND",
	     "a@x.test", NULL},
	    {"3", "10.900", "mbx1.x.test", "MBX2", DELIVERY2, "SMTP", "RECEIVE",
	     "A@x.test", NULL},
	    {"4", "10.950", "MBX2", "MBX2", "", "STOREDRIVER", "DELIVER",
	     "a@x.test", NULL},
	    {"5", "20.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "DEFER",
	     "b@x.test", NULL},
	    {"6", "40.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND",
	     "b@x.test", NULL},
	    {"7", "39.900", "mbx1.x.test", "MBX2", DELIVERY2, "SMTP", "RECEIVE",
	     "b@x.test", NULL},
	    {"8", "39.950", "MBX2", "MBX2", "", "STOREDRIVER", "DELIVER",
	     "b@x.test", NULL},
	};

	check_order(lines, G_N_ELEMENTS(lines));
}
END_TEST

/* The SEND that is nearest in time was for somebody else. */
START_TEST(test_other_recipient)
{
	static const struct line lines[] = {
	    {"1", "11.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND",
	     "a@x.test", NULL},
	    {"2", "13.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND",
	     "b@x.test", NULL},
	    {"3", "11.100", "mbx1.x.test", "MBX2", DELIVERY2, "SMTP", "RECEIVE",
	     "b@x.test", NULL},
	};

	check_order(lines, G_N_ELEMENTS(lines));
}
END_TEST

/* Without names, as where there is no DNS: by address. */
START_TEST(test_addresses)
{
	static const struct line lines[] = {
	    {"1", "10.000", "c.test", "MBX1", "", "SMTP", "RECEIVE", NULL,
	     NULL},
	    {"2", "12.000", "MBX1", "192.0.2.2", INTRA, "SMTP", "SEND", NULL,
	     NULL},
	    {"3", "11.000", "192.0.2.1", "MBX2", DELIVERY2, "SMTP", "RECEIVE",
	     NULL, NULL},
	};
	g_autoptr(GPtrArray) rows =
	    g_ptr_array_new_with_free_func(ph_trace_row_free);

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		struct ph_trace_row *row = make_row(&lines[i]);

		ph_track_set(&row->record, PH_COL_SERVER_IP,
			     i == 0 ? "192.0.2.1" : "192.0.2.2");
		ph_track_set(&row->record, PH_COL_CLIENT_IP,
			     i == 0 ? "192.0.2.9" : "192.0.2.1");
		g_ptr_array_add(rows, row);
	}
	ph_trace_sort(rows);
	for (guint i = 0; i < rows->len; i++)
		ck_assert_str_eq(
		    ph_track_get(
			&((struct ph_trace_row *)rows->pdata[i])->record,
			PH_COL_LOG_ID),
		    lines[i].id);
}
END_TEST

/* Messages do not order each other: by time alone. */
START_TEST(test_two_messages)
{
	static const struct line lines[] = {
	    {"1", "10.000", "c.test", "MBX1", "", "SMTP", "RECEIVE", NULL,
	     "m1"},
	    {"2", "11.000", "c.test", "MBX1", "", "SMTP", "RECEIVE", NULL,
	     "m2"},
	    {"3", "12.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND", NULL,
	     "m2"},
	    {"4", "13.000", "MBX1", "mbx2.x.test", INTRA, "SMTP", "SEND", NULL,
	     "m1"},
	    {"5", "14.000", "mbx1.x.test", "MBX2", DELIVERY2, "SMTP", "RECEIVE",
	     NULL, "m2"},
	};

	check_order(lines, G_N_ELEMENTS(lines));
}
END_TEST

/* Each claims to have led to the other: no end of the world. */
START_TEST(test_ring)
{
	static const struct line lines[] = {
	    {"1", "10.000", "MBX2", "MBX1", "", "SMTP", "RECEIVE", NULL, NULL},
	    {"2", "11.000", "MBX1", "MBX2", INTRA, "SMTP", "SEND", NULL, NULL},
	    {"3", "12.000", "MBX1", "MBX2", "", "SMTP", "RECEIVE", NULL, NULL},
	    {"4", "13.000", "MBX2", "MBX1", INTRA, "SMTP", "SEND", NULL, NULL},
	};
	g_autofree char *got = sorted(lines, G_N_ELEMENTS(lines), NULL);

	ck_assert_uint_eq(strlen(got), 4);
	for (const char *c = "1234"; *c; c++)
		ck_assert_ptr_nonnull(strchr(got, *c));
}
END_TEST

START_TEST(test_nothing)
{
	static const struct line lines[] = {
	    {"1", "xx", "", "", "", "", "", "", ""},
	    {"2", "10.000", "", "", "", "", "", "", ""},
	};
	g_autofree char *none = sorted(lines, 0, NULL);
	g_autofree char *bare = sorted(lines, 2, NULL);

	ck_assert_str_eq(none, "");
	ck_assert_str_eq(bare, "12");
	ph_trace_row_free(NULL);
}
END_TEST

UNIT_MAIN("cli/trace", test_two_servers, test_hub_hop, test_group,
	  test_two_transactions, test_other_recipient, test_addresses,
	  test_two_messages, test_ring, test_nothing)
