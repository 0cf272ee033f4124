#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include "lib/directory/directory.h"
#include "milters/transport/rules/evaluate.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * What the tests of bad input share: rules that ask everything, an organisation
 * to ask about, and messages from their bytes. A test's process ends after it,
 * but leaks count under a sanitizer.
 */
static struct ph_client hostile_client;

static inline void
hostile_unref(void *data)
{
	struct ph_object *object = data;

	ph_object_unref(&object);
}

static inline GPtrArray *
hostile_objects(void)
{
	return g_ptr_array_new_with_free_func(hostile_unref);
}

/* fields: "Name", "value", ..., NULL. */
static inline void
hostile_add(GPtrArray *objects, const char *kind, const char *name,
	    const char *const *fields)
{
	struct ph_pair pairs[16];
	size_t n = 0;

	for (; *fields != NULL; fields += 2)
		pairs[n++] = (struct ph_pair){fields[0], fields[1]};
	ck_assert_uint_le(n, G_N_ELEMENTS(pairs));
	g_ptr_array_add(objects, unit_object(kind, name, pairs, n));
}

#define HOSTILE_ADD(objects, kind, name, ...) \
	hostile_add(objects, kind, name,      \
		    (const char *const[]){__VA_ARGS__, NULL})

/* ---- rules -------------------------------------------------------------- */

/* A value that any field of the type takes, with what is dear to look for. */
static inline const char *
hostile_value(const struct ph_field *field)
{
	switch (field->type) {
	case PH_TYPE_BOOL:
		return "true";
	case PH_TYPE_INT:
		return "1";
	case PH_TYPE_SIZE:
		return "1KB";
	case PH_TYPE_WORD:
		return field->words[0];
	case PH_TYPE_WORDS:
		return "needle,one needle in the "
		       "hay,\xc3\xa9t\xc3\xa9,\xef\xac\x81";
	case PH_TYPE_PATTERNS:
		return "(a+)+$,n.*e.*e.*d.*l.*e,\\bneedle\\b,(\\w+\\s?)+!$";
	case PH_TYPE_ADDRESSES:
		return "alice@a.test,team@a.test,bob@elsewhere.test";
	case PH_TYPE_DOMAINS:
		return "elsewhere.test,sub.a.test";
	case PH_TYPE_RANGES:
		return "192.0.2.0/24,2001:db8::/32";
	case PH_TYPE_HEADER:
		return "X-Big";
	case PH_TYPE_ATTRIBUTE_WORDS:
		return "Department:needle";
	case PH_TYPE_ATTRIBUTE_PATTERNS:
		return "Department:(a+)+$";
	case PH_TYPE_TEXT:
		return "Department";
	case PH_TYPE_NAME:
	case PH_TYPE_LIST:
		return "secret";
	case PH_TYPE_SPAN:
	case PH_TYPE_DATE:
	case PH_TYPE_ADDRESS:
	case PH_TYPE_ENDPOINT:
	case PH_TYPE_NAMES:
	case PH_TYPE_FILTER:
		break;
	}
	ck_abort_msg("no value for %s", field->name);
}

/* One rule for a row of ph_conditions, and one with its exception. Each writes
 * down that it hit, so that copies are made and are looked at again. */
static inline void
hostile_add_condition(GPtrArray *objects, const struct ph_condition *c,
		      bool except)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	const char *prefix = except ? "ExceptIf" : "";
	g_autofree char *name = g_strconcat(prefix, c->name, NULL);
	g_autofree char *with =
	    c->with != NULL ? g_strconcat(prefix, c->with, NULL) : NULL;
	g_autofree char *header = g_strconcat("X-Hit-", name, NULL);

	HOSTILE_ADD(objects, "rule", name, "Enabled", "true", "SetHeaderName",
		    header, "SetHeaderValue", "yes", name,
		    hostile_value(ph_kind_field(kind, c->name, NULL)), with,
		    with != NULL
			? hostile_value(ph_kind_field(kind, c->with, NULL))
			: NULL);
}

static inline void
hostile_add_rules(GPtrArray *objects)
{
	for (const struct ph_condition *c = ph_conditions; c->name != NULL;
	     c++) {
		hostile_add_condition(objects, c, false);
		hostile_add_condition(objects, c, true);
	}
}

/* ---- the organisation --------------------------------------------------- */

static inline struct ph_directory *
hostile_directory(void)
{
	g_autoptr(GPtrArray) entries = hostile_objects();

	HOSTILE_ADD(entries, "recipient", "alice@a.test", "RecipientType",
		    "UserMailbox", "Database", "DB1", "Department", "aaaaaaaa",
		    "Manager", "carol@a.test");
	HOSTILE_ADD(entries, "recipient", "carol@a.test", "RecipientType",
		    "UserMailbox", "Database", "DB1", "Manager", "alice@a.test",
		    "EmailAddresses", "c@a.test,needle@a.test");
	HOSTILE_ADD(entries, "recipient", "team@a.test", "RecipientType",
		    "MailUniversalDistributionGroup", "Members",
		    "alice@a.test,team@a.test,ring@a.test");
	HOSTILE_ADD(entries, "recipient", "ring@a.test", "RecipientType",
		    "MailUniversalDistributionGroup", "Members", "team@a.test");
	return ph_directory_memory(
	    (const struct ph_object *const *)entries->pdata, entries->len);
}

static inline struct ph_snapshot *
hostile_snapshot(GPtrArray *objects)
{
	static const struct ph_derive derive[] = {
	    {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
	    {NULL, NULL, NULL, NULL},
	};
	static const char *const domain[] = {"DomainType", "Authoritative",
					     NULL};

	hostile_add(objects, "domain", "a.test", domain);
	return ph_snapshot_build(
	    (const struct ph_object *const *)objects->pdata, objects->len,
	    derive);
}

/* ---- messages ----------------------------------------------------------- */

/* A field as an MTA shows it: what is behind a NUL is not there. */
static inline void
hostile_field(struct ph_mail *mail, const char *text, size_t size)
{
	g_autofree char *field = g_strndup(text, size);
	char *colon = strchr(field, ':');

	if (colon == NULL)
		return;
	*colon++ = '\0';
	ph_headers_add(mail->headers, field, *colon == ' ' ? colon + 1 : colon);
}

/* Lines end with LF; what is no field begins the body. */
static inline void
hostile_read(struct ph_mail *mail, const char *text, size_t size)
{
	const char *end = text + size, *stop = text;

	while (text < end && *text != '\n') {
		do {
			const char *feed =
			    memchr(stop, '\n', (size_t)(end - stop));

			stop = feed != NULL ? feed + 1 : end;
		} while (stop < end && (*stop == ' ' || *stop == '\t'));
		hostile_field(mail, text, (size_t)(stop - text) - 1);
		text = stop;
	}
	if (text < end)
		text++;
	mail->keep_body = true;
	ph_mail_add_body(mail, text, (size_t)(end - text));
	mail->size = size;
}

static inline struct ph_mail *
hostile_mail(const struct ph_snapshot *snapshot, struct ph_directory *directory,
	     const char *sender)
{
	struct ph_mail *mail = ph_mail_new(&hostile_client, sender);

	mail->snapshot = ph_snapshot_ref(snapshot);
	mail->directory = directory;
	return mail;
}

static inline void
hostile_recipients(struct ph_mail *mail, const char *const *addresses)
{
	for (; *addresses != NULL; addresses++)
		ph_mail_add_recipient(mail, *addresses, NULL);
}

/* Everybody is in one copy, each once. */
static inline void
hostile_check(const struct ph_mail *mail, const struct ph_rules_result *result,
	      guint recipients)
{
	guint n = 0;

	ck_assert_ptr_eq(result->copies->pdata[0], mail);
	for (guint i = 0; i < result->copies->len; i++) {
		const struct ph_mail *copy = result->copies->pdata[i];

		n += copy->recipients->len;
	}
	ck_assert_uint_eq(n, recipients);
}

#endif
