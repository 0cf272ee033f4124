#ifndef PH_RULES_VOCABULARY_H
#define PH_RULES_VOCABULARY_H

#include "lib/match/matcher.h"
#include "milters/transport/rules/condition.h"

#include <glib.h>
#include <stdint.h>

/*
 * What the rules of a set look for, all together: where they look (sources) and
 * for which words, patterns, addresses and domains. A message's texts are
 * scanned once for all of them, and only rules for which something was found
 * ("gates"), or which have nothing to be found by, are asked. Filled while a
 * set is compiled, then immutable.
 */
struct ph_source {
	const struct ph_subject *subject;
	const char *selector; /* of the vocabulary; NULL: none */
	uint32_t slot;	      /* among the sources of its level */
	/* Gates: what -> GArray of positions of rules (uint32_t). NULL: none.
	 */
	GHashTable *terms;     /* GUINT_TO_POINTER(term) */
	GHashTable *addresses; /* folded */
	GHashTable *domains;   /* folded */
	GArray *numbers;       /* struct ph_number_gate */
};

/* A rule that wants the source's number to be this, or at least this. */
struct ph_number_gate {
	int64_t number;
	uint32_t rule;
	bool least;
};

struct ph_vocabulary {
	GPtrArray *sources;	  /* struct ph_source */
	GHashTable *source_index; /* key -> index + 1 */
	GStringChunk *names;	  /* selectors */
	uint32_t n_slots[2];	  /* of each level */
	struct ph_terms *terms;	  /* until they are taken by the matcher */
	struct ph_matcher *matcher;
	/* Pattern texts of the set before, so that none is compiled twice:
	 * flags and text -> struct ph_pattern; NULL: none. */
	GHashTable *patterns;
};

struct ph_vocabulary *ph_vocabulary_new(void);
void ph_vocabulary_free(struct ph_vocabulary **vocabulary);

/* The index of a source, each once; selector NULL: none. Case does not
 * matter. */
uint32_t ph_vocabulary_source(struct ph_vocabulary *vocabulary,
			      const struct ph_subject *subject,
			      const char *selector);
const struct ph_source *ph_vocabulary_at(const struct ph_vocabulary *vocabulary,
					 uint32_t source);

/* The index of a term, each once. word is folded here; UINT32_MAX: nothing is
 * left of it. */
uint32_t ph_vocabulary_word(struct ph_vocabulary *vocabulary, const char *word);
/* A pattern that was checked when its rule was read. */
uint32_t ph_vocabulary_pattern(struct ph_vocabulary *vocabulary,
			       const char *text, unsigned flags);

/* A domain as it is compared: as DNS writes it, folded; g_free. */
char *ph_vocabulary_domain(const char *text);

/* Gates of a rule, by its position in the set. */
void ph_vocabulary_gate_term(struct ph_vocabulary *vocabulary, uint32_t source,
			     uint32_t term, uint32_t rule);
void ph_vocabulary_gate_address(struct ph_vocabulary *vocabulary,
				uint32_t source, const char *folded,
				uint32_t rule);
void ph_vocabulary_gate_domain(struct ph_vocabulary *vocabulary,
			       uint32_t source, const char *folded,
			       uint32_t rule);
void ph_vocabulary_gate_number(struct ph_vocabulary *vocabulary,
			       uint32_t source,
			       const struct ph_number_gate *gate);

#endif
