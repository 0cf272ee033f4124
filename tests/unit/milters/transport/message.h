#ifndef TESTS_UNIT_MILTERS_TRANSPORT_MESSAGE_H
#define TESTS_UNIT_MILTERS_TRANSPORT_MESSAGE_H

#include "lib/routing/topology.h"
#include "milters/transport/rules/names.h"
#include "milters/transport/rules/ruleset.h"
#include "milters/transport/transport.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/* One message through the agents of posthub-transport, as server MBX2. */
static const struct ph_derive derive[] = {
    [PH_DERIVED_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			     NULL},
    [PH_DERIVED_RULES] = {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    [PH_DERIVED] = {NULL, NULL, NULL, NULL},
};

struct object {
	const char *kind, *name;
	struct ph_pair pairs[5];
};

static const struct object objects[] = {
    {"site", "S1", {{NULL, NULL}}},
    {"domain", "a.test", {{"DomainType", "Authoritative"}, {"Default", "yes"}}},
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

static const struct object entries[] = {
    {"recipient",
     "key@a.test",
     {{"RecipientType", "UserMailbox"},
      {"PrimarySmtpAddress", "u@a.test"},
      {"EmailAddresses", "v@a.test,w@a.test"},
      {"Database", "DB1"}}},
    {"recipient",
     "all@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "v@a.test,y@b.test,some@a.test"}}},
    {"recipient",
     "some@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "x@b.test,y@b.test"}}},
    {"recipient",
     "boss@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ReportToManagerEnabled", "yes"}}},
    {"recipient",
     "quiet@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ReportToOriginatorEnabled", "no"}}},
    {"recipient",
     "far@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ExpansionServer", "MBX1"}}},
    {"recipient",
     "near@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ExpansionServer", "mbx2"},
      {"SendOofMessageToOriginatorEnabled", "yes"}}},
    {"recipient",
     "dynamic@a.test",
     {{"RecipientType", "DynamicDistributionGroup"},
      {"RecipientFilter", "Title -eq 'x'"}}},
    {"recipient",
     "mixed@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "boss@a.test,far@a.test,near@a.test,dynamic@a.test"}}},
};

static struct ph_object *
make_object(const struct object *from)
{
	return unit_object(from->kind, from->name, from->pairs,
			   G_N_ELEMENTS(from->pairs));
}

/* With further objects, which end with kind NULL. */
static struct ph_snapshot *
make_snapshot(const struct object *more)
{
	g_autoptr(GPtrArray) made =
	    g_ptr_array_new_with_free_func(unit_object_unref);

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		g_ptr_array_add(made, make_object(&objects[i]));
	for (; more != NULL && more->kind != NULL; more++)
		g_ptr_array_add(made, make_object(more));
	return ph_snapshot_build((const struct ph_object *const *)made->pdata,
				 made->len, derive);
}

static struct ph_directory *
make_directory(void)
{
	struct ph_object *made[G_N_ELEMENTS(entries)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		made[i] = make_object(&entries[i]);
	directory = ph_directory_memory((const struct ph_object *const *)made,
					G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		ph_object_unref(&made[i]);
	return directory;
}

static struct ph_transport transport = {
    .server = "MBX2",
    .connector = (char[]){"MBX2\\Default MBX2"},
    .resolve = true,
    .report_to_strangers = true,
    .loop_limit = 3,
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

	mail->snapshot = make_snapshot(NULL);
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

static inline void
check_header(const struct ph_mail *mail, const char *name, const char *value)
{
	const char *is = ph_headers_raw(mail->headers, name, 0);

	ck_assert_msg(g_strcmp0(is, value) == 0, "%s: %s", name,
		      is != NULL ? is : "none");
	ck_assert_ptr_null(ph_headers_raw(mail->headers, name, 1));
}

/* Addresses of all that it still goes to. */
static inline char *
going_of(const struct ph_mail *mail)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_string_append_printf(
			    out, "%s%s", out->len > 0 ? " " : "", r->address);
	}
	return g_string_free(out, FALSE);
}

static void
use_objects(struct ph_mail *mail, const struct object *more)
{
	ph_snapshot_unref(&mail->snapshot);
	mail->snapshot = make_snapshot(more);
}

/* For one recipient; changes nothing that is looked at here. */
#define LOOKS_AT_RECIPIENTS                                                    \
	{                                                                      \
		"rule", "R",                                                   \
		{                                                              \
			{"SentTo", "nobody@b.test"}, {"SetHeaderName", "X-Y"}, \
			{                                                      \
				"SetHeaderValue", "1"                          \
			}                                                      \
		}                                                              \
	}

#endif
