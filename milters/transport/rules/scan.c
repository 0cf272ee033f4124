#include "milters/transport/rules/scan.h"

#include "lib/base/text.h"
#include "milters/transport/rules/identity.h"

#include <string.h>
#include <strings.h>

struct ph_scans {
	GHashTable *addresses; /* name of a field, folded -> GPtrArray */
	guint n;
	struct ph_scan scan[]; /* one a source; of a recipient, one a slot */
};

static void
unref_pointers(void *array)
{
	g_ptr_array_unref(array);
}

static struct ph_scans *
scans_new(guint n)
{
	struct ph_scans *scans =
	    g_malloc0(sizeof(*scans) + n * sizeof(struct ph_scan));

	scans->n = n;
	return scans;
}

struct ph_scans *
ph_scans_new(const struct ph_ruleset *set)
{
	return scans_new(set->vocabulary->sources->len);
}

static void
clear(struct ph_scan *scan)
{
	ph_hits_clear(&scan->hits);
	if (scan->confirmed != NULL)
		g_hash_table_unref(scan->confirmed);
	g_free(scan->error);
	*scan = (struct ph_scan){.state = PH_SCAN_NOT_YET};
}

void
ph_scans_free(void *data)
{
	struct ph_scans *scans = data;

	if (scans == NULL)
		return;
	for (guint i = 0; i < scans->n; i++)
		clear(&scans->scan[i]);
	g_clear_pointer(&scans->addresses, g_hash_table_unref);
	g_free(scans);
}

/* Does a source look at the field? */
static bool
looks_at(const struct ph_source *source, const char *header)
{
	const char *const *name = source->subject->headers;

	for (; name != NULL && *name != NULL; name++)
		if (strcasecmp(**name != '\0' ? *name : source->selector,
			       header) == 0)
			return true;
	return false;
}

void
ph_scans_forget(struct ph_scans *scans, const struct ph_ruleset *set,
		const char *header)
{
	if (header != NULL && scans->addresses != NULL) {
		g_autofree char *folded = g_ascii_strdown(header, -1);

		g_hash_table_remove(scans->addresses, folded);
	}
	for (uint32_t i = 0; i < scans->n; i++) {
		const struct ph_source *source =
		    ph_vocabulary_at(set->vocabulary, i);

		if (header != NULL
			? looks_at(source, header)
			: (source->subject->needs & PH_NEED_RECIPIENTS) != 0)
			clear(&scans->scan[i]);
	}
}

const GPtrArray *
ph_scan_addresses(struct ph_evaluation *e, const char *name)
{
	g_autofree char *folded = g_ascii_strdown(name, -1);
	GPtrArray *addresses;

	if (e->scans->addresses == NULL)
		e->scans->addresses = g_hash_table_new_full(
		    g_str_hash, g_str_equal, g_free, unref_pointers);
	addresses = g_hash_table_lookup(e->scans->addresses, folded);
	if (addresses != NULL)
		return addresses;
	addresses = g_ptr_array_new_with_free_func(g_free);
	ph_headers_addresses(e->mail->headers, name, addresses);
	g_hash_table_insert(e->scans->addresses, g_steal_pointer(&folded),
			    addresses);
	return addresses;
}

/* ---- one source --------------------------------------------------------- */

int
ph_source_value(struct ph_evaluation *e, const struct ph_source *source,
		struct ph_recipient *recipient, size_t *cursor,
		struct ph_value *value_r, struct ph_err *err)
{
	int r;

	*value_r = (struct ph_value){.text = NULL};
	r = source->subject->value(e, recipient, source->selector, cursor,
				   value_r, err);
	if (r == 1 && value_r->text != NULL && value_r->size == 0)
		value_r->size = strlen(value_r->text);
	return r;
}

static void
add_hits(struct ph_hits *all, struct ph_hits *more, size_t n_terms)
{
	if (more->n == 0)
		return;
	if (all->n == 0) {
		ph_hits_clear(all);
		*all = *more;
		*more = (struct ph_hits){NULL, 0, NULL};
		return;
	}
	all->terms =
	    g_renew(uint32_t, all->terms, MIN(all->n + more->n, n_terms));
	for (size_t i = 0; i < more->n; i++) {
		uint32_t term = more->terms[i];

		if (ph_hits_has(all, term))
			continue;
		all->bits[term / 64] |= UINT64_C(1) << (term % 64);
		all->terms[all->n++] = term;
	}
}

/* All values of the source together: one of them is enough. */
static void
scan(struct ph_evaluation *e, const struct ph_source *source,
     struct ph_recipient *recipient, struct ph_scan *scan_r)
{
	struct ph_matcher *matcher = e->set->vocabulary->matcher;
	struct ph_err err = PH_ERR_INIT;
	struct ph_value value;
	size_t cursor = 0;
	int r;

	while ((r = ph_source_value(e, source, recipient, &cursor, &value,
				    &err)) == 1) {
		struct ph_hits hits = {NULL, 0, NULL};

		ph_matcher_scan(matcher, value.text, value.size, &hits);
		add_hits(&scan_r->hits, &hits, ph_matcher_count(matcher));
		ph_hits_clear(&hits);
	}
	scan_r->state = r < 0 ? PH_SCAN_FAILED : PH_SCAN_DONE;
	if (r < 0)
		scan_r->error = g_strdup(err.text);
}

static struct ph_scans *
of_recipient(struct ph_evaluation *e, struct ph_recipient *recipient)
{
	struct ph_scans *scans = g_hash_table_lookup(e->recipients, recipient);

	if (scans == NULL) {
		/* Sources of messages may be thousands, and so may
		 * recipients. */
		scans =
		    scans_new(e->set->vocabulary->n_slots[PH_LEVEL_RECIPIENT]);
		g_hash_table_insert(e->recipients, recipient, scans);
	}
	return scans;
}

static struct ph_scan *
place(struct ph_evaluation *e, uint32_t index, struct ph_recipient *recipient)
{
	const struct ph_source *source =
	    ph_vocabulary_at(e->set->vocabulary, index);
	struct ph_scans *scans = e->message;

	if (source->subject->level == PH_LEVEL_RECIPIENT)
		return &of_recipient(e, recipient)->scan[source->slot];
	if ((source->subject->needs & (PH_NEED_HEADERS | PH_NEED_RECIPIENTS)) !=
	    0)
		scans = e->scans;
	return &scans->scan[index];
}

struct ph_scan *
ph_scan_get(struct ph_evaluation *e, uint32_t index,
	    struct ph_recipient *recipient)
{
	struct ph_scan *s = place(e, index, recipient);

	if (s->state == PH_SCAN_NOT_YET)
		scan(e, ph_vocabulary_at(e->set->vocabulary, index), recipient,
		     s);
	return s;
}

/* ---- candidates --------------------------------------------------------- */

static void
mark(const GArray *rules, uint64_t *bits)
{
	for (guint i = 0; rules != NULL && i < rules->len; i++) {
		uint32_t rule = g_array_index(rules, uint32_t, i);

		bits[rule / 64] |= UINT64_C(1) << (rule % 64);
	}
}

/* What cannot be looked at may hold everything. */
static void
mark_all(GHashTable *gates, uint64_t *bits)
{
	GHashTableIter iter;
	gpointer rules;

	g_hash_table_iter_init(&iter, gates);
	while (g_hash_table_iter_next(&iter, NULL, &rules))
		mark(rules, bits);
}

static void
enter_terms(struct ph_evaluation *e, const struct ph_source *source,
	    uint32_t index, struct ph_recipient *recipient, uint64_t *bits)
{
	const struct ph_scan *s = ph_scan_get(e, index, recipient);

	if (s->state == PH_SCAN_FAILED) {
		mark_all(source->terms, bits);
		return;
	}
	for (size_t i = 0; i < s->hits.n; i++)
		mark(g_hash_table_lookup(source->terms,
					 GUINT_TO_POINTER(s->hits.terms[i])),
		     bits);
}

static int
enter_address(struct ph_evaluation *e, const struct ph_source *source,
	      const char *address, uint64_t *bits)
{
	const struct ph_identity *identity;

	if (ph_identity_find(e, address, &identity, NULL) < 0)
		return -1;
	for (guint i = 0; i < identity->addresses->len; i++)
		mark(g_hash_table_lookup(source->addresses,
					 identity->addresses->pdata[i]),
		     bits);
	return 0;
}

static void
enter_domain(const struct ph_source *source, const char *address,
	     uint64_t *bits)
{
	const char *at = strrchr(address, '@');
	g_autofree char *whole =
	    at != NULL ? ph_vocabulary_domain(at + 1) : NULL;
	const char *domain = whole;

	while (domain != NULL) {
		mark(g_hash_table_lookup(source->domains, domain), bits);
		domain = strchr(domain, '.');
		if (domain != NULL)
			domain++;
	}
}

static void
enter_addresses(struct ph_evaluation *e, const struct ph_source *source,
		struct ph_recipient *recipient, uint64_t *bits)
{
	struct ph_value value;
	size_t cursor = 0;
	int r;

	while ((r = ph_source_value(e, source, recipient, &cursor, &value,
				    NULL)) == 1) {
		if (source->domains != NULL)
			enter_domain(source, value.text, bits);
		if (source->addresses != NULL &&
		    enter_address(e, source, value.text, bits) < 0)
			mark_all(source->addresses, bits);
	}
	if (r < 0 && source->domains != NULL)
		mark_all(source->domains, bits);
	if (r < 0 && source->addresses != NULL)
		mark_all(source->addresses, bits);
}

static void
enter_numbers(struct ph_evaluation *e, const struct ph_source *source,
	      struct ph_recipient *recipient, uint64_t *bits)
{
	const GArray *gates = source->numbers;
	struct ph_value value;
	size_t cursor = 0;
	bool more = true;

	while (more) {
		int r = ph_source_value(e, source, recipient, &cursor, &value,
					NULL);

		more = r == 1;
		if (r == 0)
			return;
		for (guint i = 0; i < gates->len; i++) {
			const struct ph_number_gate *gate =
			    &g_array_index(gates, struct ph_number_gate, i);

			if (r < 0 || value.number == gate->number ||
			    (gate->least && value.number > gate->number))
				bits[gate->rule / 64] |= UINT64_C(1)
							 << (gate->rule % 64);
		}
	}
}

static void
enter(struct ph_evaluation *e, uint32_t index, struct ph_recipient *recipient,
      uint64_t *bits)
{
	const struct ph_source *source =
	    ph_vocabulary_at(e->set->vocabulary, index);
	struct ph_scan *s = place(e, index, recipient);

	if (s->entered)
		return;
	s->entered = true;
	if (source->terms != NULL)
		enter_terms(e, source, index, recipient, bits);
	if (source->addresses != NULL || source->domains != NULL)
		enter_addresses(e, source, recipient, bits);
	if (source->numbers != NULL)
		enter_numbers(e, source, recipient, bits);
}

void
ph_scan_candidates(struct ph_evaluation *e, uint64_t *bits)
{
	const GPtrArray *sources = e->set->vocabulary->sources;

	for (uint32_t i = 0; i < sources->len; i++) {
		const struct ph_source *source = sources->pdata[i];

		if (source->terms == NULL && source->addresses == NULL &&
		    source->domains == NULL && source->numbers == NULL)
			continue;
		if (source->subject->level == PH_LEVEL_MESSAGE) {
			enter(e, i, NULL, bits);
			continue;
		}
		for (guint j = 0; j < e->mail->recipients->len; j++) {
			struct ph_recipient *r = e->mail->recipients->pdata[j];

			if (!r->removed)
				enter(e, i, r, bits);
		}
	}
}
