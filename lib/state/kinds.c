#include "lib/state/kinds.h"

#include "lib/state/kinds_tables.h"

#include <string.h>

#define EXCEPT "ExceptIf"
#define NAME_SIZE 64 /* longer than any field's name */

const struct ph_kind ph_kinds[] = {
    {"rule", NULL, 0,
     "a transport rule: parameters of New-TransportRule; a rule with an action "
     "but neither a condition nor Enabled is a draft and is not run",
     ph_fields_rule, ph_check_rule},
    {"site", NULL, 0, "an Active Directory site, or what stands for one",
     ph_fields_site, ph_check_name},
    {"sitelink", NULL, 0, "a link between sites, with its cost",
     ph_fields_sitelink, ph_check_sitelink},
    {"server", NULL, 0, "a server of the organisation and its services",
     ph_fields_server, ph_check_server},
    {"dag", NULL, 0,
     "a database availability group: servers that form one delivery group",
     ph_fields_dag, ph_check_dag},
    {"database", NULL, 0, "a mailbox database and where its copies are",
     ph_fields_database, ph_check_database},
    {"sendconnector", NULL, 0,
     "where mail for other organisations goes: parameters of "
     "New-SendConnector",
     ph_fields_sendconnector, ph_check_sendconnector},
    {"receiveconnector", NULL, 0,
     "where a server listens, and for whom: parameters of "
     "New-ReceiveConnector",
     ph_fields_receiveconnector, ph_check_receiveconnector},
    {"domain", "accepteddomain", 0,
     "an accepted domain: mail for it is for this organisation",
     ph_fields_domain, ph_check_domain},
    {"remotedomain", NULL, 0,
     "how mail for a domain outside is treated; * is every other domain",
     ph_fields_remotedomain, ph_check_remotedomain},
    {"messageclassification", NULL, 0,
     "a classification that rules and people put on messages",
     ph_fields_messageclassification, ph_check_name},
    {"systemmessage", NULL, 0,
     "a text of your own for a delivery status notification",
     ph_fields_systemmessage, ph_check_systemmessage},
    {"dataclassification", NULL, PH_KIND_STRING,
     "a package of sensitive information types (XML)",
     ph_fields_dataclassification, ph_check_dataclassification},
    {"transportconfig", NULL, PH_KIND_SINGLETON,
     "limits of the organisation: parameters of Set-TransportConfig",
     ph_fields_transportconfig, NULL},
    {"transportservice", NULL, 0,
     "limits of one server: parameters of Set-TransportService",
     ph_fields_transportservice, ph_check_name},
    {"mailboxtransport", NULL, 0,
     "limits of one server's store driver: parameters of "
     "Set-MailboxTransportService",
     ph_fields_mailboxtransport, ph_check_name},
    {"setup", NULL, PH_KIND_INTERNAL,
     "what \"posthub setup connectors\" has written on a server",
     ph_fields_setup, ph_check_name},
    {"meta", NULL, PH_KIND_SINGLETON | PH_KIND_INTERNAL, "whose state this is",
     ph_fields_meta, ph_check_meta},
    {"recipient", NULL, PH_KIND_DIRECTORY | PH_KIND_OPEN,
     "an entry of the embedded directory: a mailbox, contact or group; further "
     "fields are kept as directory attributes",
     ph_fields_recipient, ph_check_recipient},
    {NULL, NULL, 0, NULL, NULL, NULL},
};

const struct ph_kind *
ph_kind_find(const char *name)
{
	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++)
		if (g_ascii_strcasecmp(k->name, name) == 0 ||
		    (k->alias != NULL &&
		     g_ascii_strcasecmp(k->alias, name) == 0))
			return k;
	return NULL;
}

size_t
ph_kind_index(const struct ph_kind *kind)
{
	return (size_t)(kind - ph_kinds);
}

size_t
ph_kind_count(void)
{
	return G_N_ELEMENTS(ph_kinds) - 1;
}

/* ---- fields by name ----------------------------------------------------- */

static guint
hash_name(gconstpointer name)
{
	guint h = 5381;

	/* Both cases of a letter differ in one bit. */
	for (const char *p = name; *p != '\0'; p++)
		h = h * 33 + ((guchar)*p | 0x20);
	return h;
}

static gboolean
same_name(gconstpointer a, gconstpointer b)
{
	return g_ascii_strcasecmp(a, b) == 0;
}

static GHashTable *
index_fields(const struct ph_kind *kind)
{
	GHashTable *index = g_hash_table_new(hash_name, same_name);

	for (const struct ph_field *f = kind->fields; f->name != NULL; f++) {
		g_hash_table_insert(index, (char *)(uintptr_t)f->name,
				    (struct ph_field *)(uintptr_t)f);
		if (f->alias != NULL)
			g_hash_table_insert(index, (char *)(uintptr_t)f->alias,
					    (struct ph_field *)(uintptr_t)f);
	}
	return index;
}

/* Made once: with 10,000 rules the fields are looked for a million times. */
static GHashTable *
fields_of(const struct ph_kind *kind)
{
	static GHashTable *tables[G_N_ELEMENTS(ph_kinds)];
	static gsize made;

	if (g_once_init_enter(&made)) {
		for (size_t i = 0; i < ph_kind_count(); i++)
			tables[i] = index_fields(&ph_kinds[i]);
		g_once_init_leave(&made, 1);
	}
	return tables[ph_kind_index(kind)];
}

static const struct ph_field *
find_row(const struct ph_kind *kind, const char *name, unsigned flags)
{
	const struct ph_field *f = g_hash_table_lookup(fields_of(kind), name);

	return f != NULL && (f->flags & flags) == flags ? f : NULL;
}

static bool
is_except(const char *name)
{
	return g_ascii_strncasecmp(name, EXCEPT, strlen(EXCEPT)) == 0;
}

const struct ph_field *
ph_kind_field(const struct ph_kind *kind, const char *name, bool *except_r)
{
	const struct ph_field *field = find_row(kind, name, 0);

	if (except_r != NULL)
		*except_r = false;
	if (field != NULL || !is_except(name))
		return field;
	field = find_row(kind, name + strlen(EXCEPT), PH_FIELD_CONDITION);
	if (field != NULL && except_r != NULL)
		*except_r = true;
	return field;
}

/* Levenshtein's distance without case. a is limited by the caller, b is a
 * row's name. */
static size_t
distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	size_t row[NAME_SIZE];

	g_assert(n < G_N_ELEMENTS(row));
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			bool same =
			    g_ascii_tolower(a[i]) == g_ascii_tolower(b[j]);
			size_t change = diagonal + (same ? 0 : 1);

			diagonal = row[j + 1];
			row[j + 1] = MIN(change, MIN(row[j], row[j + 1]) + 1);
		}
	}
	return row[n];
}

/* A third of the letters may be wrong; "Subject" for SubjectContainsWords is
 * no misspelling but half a name, and names its row as well. */
static const struct ph_field *
nearest(const struct ph_kind *kind, const char *name, unsigned flags)
{
	const struct ph_field *best = NULL, *begun = NULL;
	size_t size = strlen(name), limit = size / 3 + 1;

	for (const struct ph_field *f = kind->fields; f->name != NULL; f++) {
		size_t d;

		if ((f->flags & flags) != flags)
			continue;
		d = distance(name, f->name);
		if (d < limit) {
			best = f;
			limit = d;
		}
		if (begun == NULL && size >= 4 &&
		    g_ascii_strncasecmp(f->name, name, size) == 0)
			begun = f;
	}
	return best != NULL ? best : begun;
}

const char *
ph_kind_suggest(const struct ph_kind *kind, const char *name)
{
	const struct ph_field *field = NULL;

	if (strlen(name) > 100)
		return NULL;
	if (is_except(name))
		field =
		    nearest(kind, name + strlen(EXCEPT), PH_FIELD_CONDITION);
	if (field != NULL) {
		g_autofree char *twin = g_strconcat(EXCEPT, field->name, NULL);

		return g_intern_string(twin); /* one for each condition row */
	}
	field = nearest(kind, name, 0);
	return field != NULL ? field->name : NULL;
}

const struct ph_kind *
ph_kind_nearest(const char *name)
{
	const size_t size = strlen(name);
	const struct ph_kind *best = NULL;
	size_t limit = size / 3 + 1;

	if (size > 100)
		return NULL;
	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++) {
		const size_t d = distance(name, k->name);
		const size_t other =
		    k->alias != NULL ? distance(name, k->alias) : d;

		if (MIN(d, other) >= limit)
			continue;
		best = k;
		limit = MIN(d, other);
	}
	return best;
}
