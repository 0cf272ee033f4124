#include "lib/routing/topology.h"
#include "milters/transport/rules/ruleset.h"
#include "milters/transport/transport.h"
#include "tests/unit/unit.h"

#include <string.h>

/* One message through the agents of posthub-transport, as server MBX2. */
static const struct ph_derive derive[] = {
    [PH_DERIVED_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			     NULL},
    [PH_DERIVED_RULES] = {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    [PH_DERIVED] = {NULL, NULL, NULL, NULL},
};

static const struct {
	const char *kind, *name;
	struct ph_pair pairs[3];
} objects[] = {
    {"site", "S1", {{NULL, NULL}}},
    {"domain", "a.test", {{"DomainType", "Authoritative"}}},
    {"server",
     "MBX1",
     {{"Fqdn", "mbx1.a.test"},
      {"Site", "S1"},
      {"Transport", "192.0.2.1:2525"}}},
    {"server",
     "MBX2",
     {{"Fqdn", "mbx2.a.test"},
      {"Site", "S1"},
      {"Transport", "192.0.2.2:2525"}}},
    {"rule",
     "Ext",
     {{"ExceptIfFromScope", "InOrganization"},
      {"PrependSubject", "[EXT] "},
      {"Enabled", "yes"}}},
    {"rule",
     "Secret",
     {{"SubjectContainsWords", "secret"},
      {"RejectMessageReasonText", "no"},
      {NULL, NULL}}},
    {"rule",
     "Drop",
     {{"SubjectContainsWords", "drop"},
      {"DeleteMessage", "yes"},
      {NULL, NULL}}},
};

static struct ph_object *
parse(const char *kind, const char *name, const struct ph_pair *pairs, size_t n)
{
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t used = 0;

	while (used < n && pairs[used].field != NULL)
		used++;
	ck_assert_msg(ph_object_parse(ph_kind_find(kind), name, pairs, used,
				      &object, &err) == 0,
		      "%s", err.text);
	return object;
}

static struct ph_snapshot *
make_snapshot(void)
{
	struct ph_object *made[G_N_ELEMENTS(objects)];
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		made[i] = parse(objects[i].kind, objects[i].name,
				objects[i].pairs, 3);
	snapshot = ph_snapshot_build((const struct ph_object *const *)made,
				     G_N_ELEMENTS(made), derive);
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return snapshot;
}

static struct ph_directory *
make_directory(void)
{
	static const struct ph_pair pairs[] = {
	    {"RecipientType", "UserMailbox"},
	    {"PrimarySmtpAddress", "u@a.test"},
	    {"EmailAddresses", "v@a.test,w@a.test"},
	    {"Database", "DB1"},
	};
	struct ph_object *entry = parse("recipient", "key@a.test", pairs, 4);
	struct ph_directory *directory =
	    ph_directory_memory((const struct ph_object *const *)&entry, 1);

	ph_object_unref(&entry);
	return directory;
}

static struct ph_transport transport = {
    .server = "MBX2",
    .connector = (char[]){"MBX2\\Default MBX2"},
    .resolve = true,
};

static struct ph_client
make_client(const char *name, const char *address)
{
	return (struct ph_client){
	    .name = g_strdup(name),
	    .address = g_strdup(address),
	    .helo = g_strdup("helo.test"),
	    .server_address = g_strdup("192.0.2.2"),
	    .private_socket = *address == '\0',
	};
}

static void
client_clear(struct ph_client *client)
{
	g_free(client->name);
	g_free(client->address);
	g_free(client->helo);
	g_free(client->server_address);
}

static struct ph_mail *
make_mail(const struct ph_client *client, const char *subject)
{
	struct ph_mail *mail = ph_mail_new(client, "x@b.test");

	mail->snapshot = make_snapshot();
	mail->directory = make_directory();
	g_free(mail->queue_id);
	mail->queue_id = g_strdup("Q1");
	mail->size = 100;
	ph_headers_add(mail->headers, "Message-ID", "<1@b.test>");
	ph_headers_add(mail->headers, "Date", "today");
	ph_headers_add(mail->headers, "From", "X <x@b.test>");
	ph_headers_add(mail->headers, "Subject", subject);
	return mail;
}

static void
mail_clear(struct ph_mail **mail)
{
	ph_directory_close(&(*mail)->directory);
	ph_mail_free(mail);
}

/* 1: a verdict. */
static int
run(struct ph_mail *mail)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_resolve_agent.on_message(mail, &transport, &err);

	if (r == 0)
		r = ph_rules_agent.on_message(mail, &transport, &err);
	ck_assert_msg(r >= 0, "%s", err.text);
	return r;
}

static void
check_header(const struct ph_mail *mail, const char *name, const char *value)
{
	const char *is = ph_headers_raw(mail->headers, name, 0);

	ck_assert_msg(g_strcmp0(is, value) == 0, "%s: %s", name,
		      is != NULL ? is : "none");
	ck_assert_ptr_null(ph_headers_raw(mail->headers, name, 1));
}

static void
forge(struct ph_mail *mail)
{
	ph_headers_add(mail->headers, "X-PostHub-AuthAs", "Internal");
	ph_headers_add(mail->headers, "x-posthub-rules-executed", "MBX1");
	ph_headers_add(mail->headers, "X-PostHub-Network-Message-Id",
		       "0D28A029-f4ac-8bc3-b9d4-1ef7626de61e");
	ph_headers_add(mail->headers, "X-PostHub-OriginalClientIPAddress",
		       "198.51.100.7");
	ph_headers_add(mail->headers, "X-PostHub-Anything", "1");
}

START_TEST(test_stranger)
{
	struct ph_client client = make_client("", "203.0.113.5");
	struct ph_mail *mail = make_mail(&client, "hello");

	forge(mail);
	g_free(mail->author);
	mail->author = g_strdup("u@a.test");
	ck_assert_int_eq(run(mail), 0);
	ck_assert(!mail->trusted);
	ck_assert_int_eq(mail->auth_as, PH_AUTH_ANONYMOUS);
	check_header(mail, "X-PostHub-AuthAs", "Anonymous");
	check_header(mail, "X-PostHub-AuthSource", "mbx2.a.test");
	check_header(mail, "X-PostHub-OriginalClientIPAddress", "203.0.113.5");
	check_header(mail, "X-PostHub-Rules-Executed", "MBX2");
	check_header(mail, "X-PostHub-Anything", NULL);
	check_header(mail, "Subject", "[EXT] hello");
	ck_assert_str_ne(mail->nmid, "0d28a029-f4ac-8bc3-b9d4-1ef7626de61e");
	check_header(mail, "X-PostHub-Network-Message-Id", mail->nmid);
	mail_clear(&mail);
	client_clear(&client);
}
END_TEST

/* By address, by name, and on a socket of ours. */
START_TEST(test_trusted)
{
	static const char *const clients[][2] = {
	    {"", "192.0.2.1"}, {"mbx1.a.test", "198.51.100.1"}, {"", ""}};

	for (size_t i = 0; i < G_N_ELEMENTS(clients); i++) {
		struct ph_client client =
		    make_client(clients[i][0], clients[i][1]);
		struct ph_mail *mail = make_mail(&client, "secret");

		forge(mail);
		ck_assert_int_eq(run(mail), 0);
		ck_assert(mail->trusted);
		ck_assert_int_eq(mail->auth_as, PH_AUTH_INTERNAL);
		ck_assert_str_eq(mail->original_ip, "198.51.100.7");
		ck_assert_str_eq(mail->nmid,
				 "0d28a029-f4ac-8bc3-b9d4-1ef7626de61e");
		check_header(mail, "X-PostHub-Rules-Executed", "MBX1");
		check_header(mail, "X-PostHub-Anything", "1");
		/* The rules have run elsewhere. */
		check_header(mail, "Subject", "secret");
		ck_assert_ptr_null(mail->info);
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

START_TEST(test_auth)
{
	static const struct {
		const char *address, *login, *author;
		enum ph_auth_as auth_as;
	} cases[] = {
	    {"203.0.113.5", "u", "", PH_AUTH_INTERNAL},
	    {"203.0.113.5", "", "u@a.test", PH_AUTH_ANONYMOUS},
	    {"192.0.2.1", "", "u@a.test", PH_AUTH_INTERNAL},
	    {"192.0.2.1", "", "<>", PH_AUTH_ANONYMOUS},
	    {"192.0.2.1", "", "", PH_AUTH_ANONYMOUS},
	    {"", "", "", PH_AUTH_ANONYMOUS},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");

		g_free(mail->login);
		g_free(mail->author);
		mail->login = g_strdup(cases[i].login);
		mail->author = g_strdup(cases[i].author);
		ck_assert_int_eq(run(mail), 0);
		ck_assert_int_eq(mail->auth_as, cases[i].auth_as);
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

START_TEST(test_many_forged)
{
	struct ph_client client = make_client("", "203.0.113.5");

	for (int n = 50; n <= 51; n++) {
		struct ph_mail *mail = make_mail(&client, "hello");

		for (int i = 0; i < n; i++)
			ph_headers_add(mail->headers, "X-PostHub-A", "1");
		ck_assert_int_eq(run(mail), n > 50);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* "given>address" or "given-" for one that is removed. */
static char *
recipients_of(const struct ph_mail *mail)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		g_string_append_printf(out, "%s%s%s ", r->given,
				       r->removed ? "-" : ">",
				       r->removed ? "" : r->address);
	}
	return g_string_free(out, FALSE);
}

START_TEST(test_resolve)
{
	static const char *const cases[][2] = {
	    {"u@a.test", "u@a.test>u@a.test "},
	    {"U@A.test", "U@A.test>U@A.test "},
	    {"v@a.test", "v@a.test>u@a.test "},
	    {"v@a.test w@a.test", "v@a.test>u@a.test w@a.test- "},
	    {"v@a.test u@a.test", "v@a.test- u@a.test>u@a.test "},
	    {"V@a.test U@a.test", "V@a.test- U@a.test>U@a.test "},
	    {"none@a.test z@b.test",
	     "none@a.test>none@a.test z@b.test>z@b.test "},
	};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_auto(GStrv) given = g_strsplit(cases[i][0], " ", -1);
		g_autofree char *is = NULL;

		for (char **g = given; *g != NULL; g++)
			ph_mail_add_recipient(mail, *g, NULL);
		ck_assert_int_eq(run(mail), 0);
		is = recipients_of(mail);
		ck_assert_str_eq(is, cases[i][1]);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

START_TEST(test_directory_away)
{
	static const struct {
		enum ph_err_kind kind;
		int verdict;
	} cases[] = {{PH_ERR_TEMP, 1}, {PH_ERR_PERM, 0}};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_autofree char *is = NULL;

		ph_directory_close(&mail->directory);
		mail->directory = ph_directory_failing(cases[i].kind, "away");
		ph_mail_add_recipient(mail, "v@a.test", NULL);
		ck_assert_int_eq(run(mail), cases[i].verdict);
		if (cases[i].verdict == 1) {
			ck_assert_str_eq(mail->verdict.code, "451");
			ck_assert_str_eq(mail->verdict.enhanced, "4.4.3");
		}
		is = recipients_of(mail);
		ck_assert_str_eq(is, "v@a.test>v@a.test ");
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* ---- tracking rows ------------------------------------------------------ */

static bool
collect(struct ph_track_record *record, void *context)
{
	GPtrArray *rows = context;
	struct ph_track_record *copy = g_new0(struct ph_track_record, 1);

	for (int c = 0; c < PH_COLUMNS; c++)
		ph_track_set(copy, (enum ph_column)c,
			     ph_track_get(record, (enum ph_column)c));
	g_ptr_array_add(rows, copy);
	return true;
}

static void
free_row(void *row)
{
	ph_track_clear(row);
	g_free(row);
}

/* The rows that a message with that subject leaves. */
static GPtrArray *
track(const struct ph_client *client, const char *subject)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);
	char *directory = unit_mkdir();
	struct ph_track_options options = {.directory = directory,
					   .prefix = "MSGTRK",
					   .server = "MBX2",
					   .max_file_size = 1 << 20,
					   .subjects = true};
	struct ph_mail *mail = make_mail(client, subject);
	struct ph_err err = PH_ERR_INIT;
	uint64_t bad = 0;

	ck_assert_int_eq(ph_track_log_open(&options, &transport.track, &err),
			 0);
	ph_mail_add_recipient(mail, "v@a.test", NULL);
	ph_mail_add_recipient(mail, "z@b.test", NULL);
	(void)run(mail);
	ph_track_rows(&transport, mail);
	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, collect, rows, &bad, &err), 0);
	ck_assert_uint_eq(bad, 0);
	ph_track_log_close(&transport.track);
	mail_clear(&mail);
	unit_rmdir(&directory);
	return rows;
}

static void
check_row(const GPtrArray *rows, guint i, enum ph_column column,
	  const char *value)
{
	ck_assert_uint_lt(i, rows->len);
	ck_assert_str_eq(ph_track_get(rows->pdata[i], column), value);
}

START_TEST(test_rows_accept)
{
	struct ph_client client = make_client("", "203.0.113.5");
	GPtrArray *rows = track(&client, "hello");

	ck_assert_uint_eq(rows->len, 2);
	check_row(rows, 0, PH_COL_SOURCE, "SMTP");
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_CLIENT_IP, "203.0.113.5");
	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "helo.test");
	check_row(rows, 0, PH_COL_SERVER_HOSTNAME, "MBX2");
	check_row(rows, 0, PH_COL_CONNECTOR_ID, "MBX2\\Default MBX2");
	check_row(rows, 0, PH_COL_MESSAGE_ID, "<1@b.test>");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "v@a.test;z@b.test");
	check_row(rows, 0, PH_COL_RECIPIENT_COUNT, "2");
	check_row(rows, 0, PH_COL_TOTAL_BYTES, "100");
	check_row(rows, 0, PH_COL_MESSAGE_SUBJECT, "hello");
	check_row(rows, 0, PH_COL_SENDER_ADDRESS, "x@b.test");
	check_row(rows, 0, PH_COL_RETURN_PATH, "x@b.test");
	check_row(rows, 0, PH_COL_DIRECTIONALITY, "Incoming");
	check_row(rows, 0, PH_COL_ORIGINAL_CLIENT_IP, "203.0.113.5");
	check_row(rows, 0, PH_COL_CUSTOM_DATA, "S:QueueId=Q1");
	check_row(rows, 1, PH_COL_SOURCE, "AGENT");
	check_row(rows, 1, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 1, PH_COL_CLIENT_HOSTNAME, "MBX2");
	check_row(rows, 1, PH_COL_SERVER_HOSTNAME, "");
	check_row(rows, 1, PH_COL_RECIPIENT_ADDRESS, "u@a.test;z@b.test");
	check_row(rows, 1, PH_COL_MESSAGE_SUBJECT, "[EXT] hello");
	ck_assert_ptr_nonnull(
	    strstr(ph_track_get(rows->pdata[1], PH_COL_CUSTOM_DATA),
		   "|action=PrependSubject|sev=1|mode=Enforce;S:CompCost="));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_peer)
{
	struct ph_client client = make_client("", "192.0.2.1");
	GPtrArray *rows = track(&client, "hello");

	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "mbx1.a.test");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_reject)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track(&client, "a secret");

	ck_assert_uint_eq(rows->len, 2);
	check_row(rows, 0, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 1, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 1, PH_COL_SOURCE, "AGENT");
	check_row(rows, 1, PH_COL_SOURCE_CONTEXT, "Transport Rule Agent");
	ck_assert(g_str_has_prefix(
	    ph_track_get(rows->pdata[1], PH_COL_RECIPIENT_STATUS),
	    "[{LED=550 5.7.1 TRANSPORT.RULES.RejectMessage;"));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_discard)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track(&client, "drop it");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "c.test");
	check_row(rows, 1, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_EVENT_ID, "DROP");
	check_row(rows, 2, PH_COL_SOURCE, "AGENT");
	check_row(rows, 2, PH_COL_CUSTOM_DATA, "S:QueueId=Q1");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

UNIT_MAIN("milters/transport/agents", test_stranger, test_trusted, test_auth,
	  test_many_forged, test_resolve, test_directory_away, test_rows_accept,
	  test_rows_peer, test_rows_reject, test_rows_discard)
