#include "milters/transport/rules/finding.h"
#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/vocabulary.h"

#include "lib/base/text.h"

#include <string.h>

/* A set of folded texts, and where they are looked for. */
struct set {
	GHashTable *texts;
	uint32_t sources[2]; /* UINT32_MAX: none */
};

static struct set *
make_set(const struct ph_compile *c, char *(*fold)(const char *text))
{
	const char *const *item = ph_object_list(c->rule, c->field);
	const struct ph_subject *subjects[] = {c->condition->subject,
					       c->condition->also};
	struct set *set = g_new0(struct set, 1);

	set->texts =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (; *item != NULL; item++)
		g_hash_table_add(set->texts, fold(*item));
	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++)
		set->sources[i] =
		    subjects[i] != NULL
			? ph_vocabulary_source(c->vocabulary, subjects[i],
					       c->selector)
			: UINT32_MAX;
	return set;
}

static void *
compile_addresses(const struct ph_compile *c)
{
	return make_set(c, ph_fold);
}

static void *
compile_domains(const struct ph_compile *c)
{
	return make_set(c, ph_vocabulary_domain);
}

static void
free_set(void *operand)
{
	struct set *set = operand;

	g_hash_table_unref(set->texts);
	g_free(set);
}

typedef void gate_function(struct ph_vocabulary *vocabulary, uint32_t source,
			   const char *folded, uint32_t rule);

static void
enter(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
      uint32_t rule, gate_function *function)
{
	const struct set *set = p->operand;
	GHashTableIter iter;
	gpointer text;

	g_hash_table_iter_init(&iter, set->texts);
	while (g_hash_table_iter_next(&iter, &text, NULL))
		for (size_t i = 0; i < G_N_ELEMENTS(set->sources); i++)
			if (set->sources[i] != UINT32_MAX)
				function(vocabulary, set->sources[i], text,
					 rule);
}

/* ---- the same recipient ------------------------------------------------- */

static int
match_address(struct ph_evaluation *e, const void *operand,
	      const struct ph_value *value, struct ph_err *err)
{
	const struct set *set = operand;
	g_autofree char *folded = ph_fold(value->text);
	const struct ph_identity *identity;

	if (g_hash_table_contains(set->texts, folded))
		return 1;
	if (ph_identity_find(e, folded, &identity, err) < 0)
		return -1;
	for (guint i = 1; i < identity->addresses->len; i++)
		if (g_hash_table_contains(set->texts,
					  identity->addresses->pdata[i]))
			return 1;
	return 0;
}

static void
gate_address(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
	     uint32_t rule)
{
	enter(p, vocabulary, rule, ph_vocabulary_gate_address);
}

const struct ph_comparison ph_compare_address = {
    .name = "address",
    .compile = compile_addresses,
    .free = free_set,
    .match = match_address,
    .gate = gate_address,
};

/* ---- the domain or a parent of it --------------------------------------- */

static int
match_domain(struct ph_evaluation *e, const void *operand,
	     const struct ph_value *value, struct ph_err *err)
{
	const struct set *set = operand;
	const char *at = strrchr(value->text, '@');
	g_autofree char *whole =
	    at != NULL ? ph_vocabulary_domain(at + 1) : NULL;
	const char *domain = whole;

	(void)e;
	(void)err;
	while (domain != NULL) {
		if (g_hash_table_contains(set->texts, domain))
			return 1;
		domain = strchr(domain, '.');
		if (domain != NULL)
			domain++;
	}
	return 0;
}

static void
gate_domain(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
	    uint32_t rule)
{
	enter(p, vocabulary, rule, ph_vocabulary_gate_domain);
}

const struct ph_comparison ph_compare_domain = {
    .name = "domain",
    .compile = compile_domains,
    .free = free_set,
    .match = match_domain,
    .gate = gate_domain,
};
