#ifndef TESTS_UNIT_MILTERS_TRANSPORT_OUTCOME_H
#define TESTS_UNIT_MILTERS_TRANSPORT_OUTCOME_H

#include "lib/fork/plan.h"
#include "lib/routing/topology.h"
#include "milters/transport/outcome.h"
#include "milters/transport/rules/names.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What becomes of a message after the rules: copies as the rules left them, and
 * what the MTA is told. */
static const struct ph_derive derive[] = {
    [PH_DERIVED_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			     NULL},
    [PH_DERIVED_RULES] = {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    [PH_DERIVED] = {NULL, NULL, NULL, NULL},
};

static const struct {
	const char *kind, *name;
	struct ph_pair pairs[4];
} objects[] = {
    {"site", "S1", {{NULL, NULL}}},
    {"domain", "a.test", {{"DomainType", "Authoritative"}}},
    {"server",
     "MBX2",
     {{"Fqdn", "mbx2.a.test"},
      {"Site", "S1"},
      {"Transport", "192.0.2.2:2525"}}},
    {"sendconnector",
     "Internet",
     {{"AddressSpaces", "*"}, {"SmartHosts", "out.test"}, {NULL, NULL}}},
    {"sendconnector",
     "Sized",
     {{"AddressSpaces", "sized.test"},
      {"MaxMessageSize", "1000"},
      {NULL, NULL}}},
    {"sendconnector",
     "Bank",
     {{"AddressSpaces", "bank.test"},
      {"SmartHosts", "bank.test"},
      {"MaxMessageSize", "1MB"}}},
    {"remotedomain",
     "quiet.test",
     {{"AutoReplyEnabled", "false"}, {NULL, NULL}}},
    {"remotedomain",
     "*.away.test",
     {{"AllowedOOFType", "None"}, {"AutoForwardEnabled", "false"}}},
    /* A mailbox behind a link that takes little. */
    {"site", "S2", {{NULL, NULL}}},
    {"sitelink",
     "S1-S2",
     {{"Sites", "S1,S2"}, {"MaxMessageSize", "64KB"}, {NULL, NULL}}},
    {"server", "MBX3", {{"Site", "S2"}, {"Transport", "192.0.2.3:2525"}}},
    {"database", "DB2", {{"Active", "MBX3"}, {NULL, NULL}}},
};

static struct ph_client client = {
    .name = (char[]){"c.test"},
    .address = (char[]){"203.0.113.5"},
    .helo = (char[]){""},
    .server_address = (char[]){""},
};

static char *dir, *plans_dir;
static struct ph_transport transport;

static void
set_up(void)
{
	struct ph_err err = PH_ERR_INIT;

	dir = unit_mkdir();
	plans_dir = g_build_filename(dir, "forks", NULL);
	transport = (struct ph_transport){
	    .server = "MBX2",
	    .report_to_strangers = true,
	};
	ck_assert_msg(ph_plans_open(plans_dir, &transport.plans, &err) == 0,
		      "%s", err.text);
}

static void
tear_down(void)
{
	ph_plans_close(&transport.plans);
	g_clear_pointer(&plans_dir, g_free);
	unit_rmdir(&dir);
}

static struct ph_snapshot *
make_snapshot(void)
{
	struct ph_object *made[G_N_ELEMENTS(objects)];
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		made[i] = unit_object(objects[i].kind, objects[i].name,
				      objects[i].pairs, 3);
	snapshot = ph_snapshot_build((const struct ph_object *const *)made,
				     G_N_ELEMENTS(made), derive);
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return snapshot;
}

/* u@a.test has a mailbox here, v@a.test one in the other site. */
static struct ph_directory *
make_directory(void)
{
	static const struct {
		const char *address;
		struct ph_pair pairs[2];
	} rows[] = {
	    {"u@a.test",
	     {{"RecipientType", "UserMailbox"}, {"Database", "DB1"}}},
	    {"v@a.test",
	     {{"RecipientType", "UserMailbox"}, {"Database", "DB2"}}},
	};
	struct ph_object *made[G_N_ELEMENTS(rows)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		made[i] =
		    unit_object("recipient", rows[i].address, rows[i].pairs, 2);
	directory = ph_directory_memory((const struct ph_object *const *)made,
					G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return directory;
}

/* A message, and a directory of plans for it. */
static struct ph_mail *
make_mail(const char *sender)
{
	struct ph_mail *mail = ph_mail_new(&client, sender);

	set_up();
	mail->snapshot = make_snapshot();
	mail->directory = make_directory();
	g_free(mail->queue_id);
	mail->queue_id = g_strdup("Q1");
	mail->size = 1000;
	g_strlcpy(mail->nmid, "0d28a029-f4ac-4bc3-b9d4-1ef7626de61e",
		  sizeof(mail->nmid));
	ph_headers_add(mail->headers, "Message-ID", "<1@b.test>");
	ph_headers_add(mail->headers, "Subject", "hello");
	return mail;
}

static void
mail_clear(struct ph_mail **mail)
{
	ph_directory_close(&(*mail)->directory);
	ph_mail_free(mail);
	tear_down();
}

/* A run that has made no copies yet; the message is the first. */
static struct ph_rules_result
make_result(struct ph_mail *mail)
{
	struct ph_rules_result result;

	ph_rules_result_init(&result, mail);
	result.before = ph_headers_copy(mail->headers);
	return result;
}

/* "a!": the sender is told that it gets the message; "a-": so it was, but it
 * was sent away since. */
static void
add_recipients(struct ph_mail *mail, const char *addresses)
{
	g_auto(GStrv) words = g_strsplit(addresses, " ", -1);

	for (char **word = words; *word != NULL; word++) {
		bool away = g_str_has_suffix(*word, "-");
		bool tell = away || g_str_has_suffix(*word, "!");
		g_autofree char *address =
		    g_strndup(*word, strlen(*word) - tell);
		struct ph_recipient *r =
		    ph_mail_add_recipient(mail, address, NULL);

		r->tell_sender = tell;
		r->removed = away;
	}
}

/* ---- what is seen at the end -------------------------------------------- */

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "#0" for the token of the first group. */
static char *
name_of(const struct ph_recipient *r)
{
	const char *at = strstr(r->address, "@" PH_FORK_DOMAIN);

	if (at == NULL)
		return g_strdup(r->address);
	ck_assert_ptr_null(r->given);
	while (at > r->address && at[-1] != '.')
		at--;
	return g_strdup_printf("#%c", *at);
}

/* Those that the message goes on to, sorted. */
static inline char *
going_of(const struct ph_mail *mail)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_ptr_array_add(names, name_of(r));
	}
	g_ptr_array_sort(names, compare_texts);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

static const struct ph_recipient *
first_token(const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (g_str_has_suffix(r->address, "@" PH_FORK_DOMAIN))
			return r;
	}
	return NULL;
}

/* The plan, read from where it was written; NULL: the message has none. */
static inline struct ph_plan *
read_plan(const struct ph_mail *mail)
{
	const struct ph_recipient *r = first_token(mail);
	struct ph_err err = PH_ERR_INIT;
	struct ph_plan *plan = NULL;
	g_autofree char *token = NULL;
	size_t group;

	if (r == NULL)
		return NULL;
	token = g_strndup(r->address,
			  (gsize)(strchr(r->address, '@') - r->address));
	ck_assert_msg(
	    ph_plans_read(transport.plans, token, &plan, &group, &err) == 1,
	    "%s", err.text);
	return plan;
}

static void
append_headers(GString *out, const struct ph_plan_group *group)
{
	for (guint i = 0; i < group->headers->len; i++) {
		const struct ph_plan_header *h = group->headers->pdata[i];

		g_string_append_printf(out, ", %s", h->name);
		for (guint j = 0; j < h->values->len; j++)
			g_string_append_printf(
			    out, "%s%s", j > 0 ? " | " : "=",
			    (const char *)h->values->pdata[j]);
	}
}

/* "copy b c, Subject=[x] hello; report d, 550 5.7.1 no" */
static inline char *
show_plan(const struct ph_plan *plan)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; plan != NULL && i < plan->groups->len; i++) {
		const struct ph_plan_group *group = plan->groups->pdata[i];
		static const char *const kinds[] = {
		    [PH_PLAN_COPY] = "copy",
		    [PH_PLAN_REPORT] = "report",
		    [PH_PLAN_NOTICE] = "notice",
		};

		g_string_append_printf(out, "%s%s", i > 0 ? "; " : "",
				       kinds[group->kind]);
		for (guint j = 0; j < group->recipients->len; j++) {
			const struct ph_plan_recipient *r =
			    group->recipients->pdata[j];

			g_string_append_printf(out, " %s", r->address);
		}
		if (group->kind == PH_PLAN_COPY)
			append_headers(out, group);
		else if (group->kind == PH_PLAN_NOTICE)
			g_string_append_printf(out, ", %s", group->text);
		else
			g_string_append_printf(out, ", %s %s %s", group->code,
					       group->enhanced, group->text);
	}
	return g_string_free(out, FALSE);
}

static inline size_t
count_plans(void)
{
	GDir *files = g_dir_open(plans_dir, 0, NULL);
	size_t n = 0;

	ck_assert_ptr_nonnull(files);
	while (g_dir_read_name(files) != NULL)
		n++;
	g_dir_close(files);
	return n;
}

/* ---- what is done ------------------------------------------------------- */

static inline struct ph_mail *
add_fork(struct ph_rules_result *result, const char *subject)
{
	struct ph_mail *fork = ph_mail_fork(result->copies->pdata[0]);

	ck_assert_int_eq(ph_mail_set_header(fork, "Subject", subject, NULL), 0);
	g_ptr_array_add(result->copies, fork);
	return fork;
}

static void
apply(struct ph_mail *mail, struct ph_rules_result *result, int want)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_outcome_apply(&transport, mail, result, &err);

	ck_assert_msg(r == want, "%d %s", r, err.text);
}

#endif
