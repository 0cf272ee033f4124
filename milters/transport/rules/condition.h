#ifndef PH_RULES_CONDITION_H
#define PH_RULES_CONDITION_H

#include "lib/base/err.h"
#include "lib/state/object.h"
#include "milters/host/agent.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A condition is a subject and a comparison: how a value is obtained and how it
 * is compared with what the rule says are separate. The table ph_conditions is
 * the only list; names are the parameters of New-TransportRule. Evaluation is
 * free of side effects but for directory look-ups.
 */

/* One message being evaluated; a thread's own. */
struct ph_evaluation {
	struct ph_mail *mail;
	/* Value -> its folded form: one subject is compared with the words of
	 * many rules. */
	GHashTable *folded;
};

enum ph_scope { PH_SCOPE_INSIDE, PH_SCOPE_OUTSIDE };

/* What a subject gives; each comparison knows which member it reads. */
struct ph_value {
	const char *text; /* valid UTF-8, borrowed from the message */
	enum ph_scope scope;
};

struct ph_comparison {
	const char *name;
	/* What the rule says, prepared once; free with free. */
	void *(*compile)(const struct ph_object *rule, const char *field);
	void (*free)(void *operand);
	bool (*match)(struct ph_evaluation *e, const void *operand,
		      const struct ph_value *value);
};

enum ph_level {
	PH_LEVEL_MESSAGE,   /* asked once, hits all recipients */
	PH_LEVEL_RECIPIENT, /* asked for each recipient */
};

/* What a subject looks at; one that needs the directory can fail. */
enum {
	PH_NEED_HEADERS = 1 << 0,
	PH_NEED_DIRECTORY = 1 << 1,
};

struct ph_condition {
	const char *name; /* the field that is compared */
	const char *with; /* the field that selects the subject; or NULL */
	enum ph_level level;
	unsigned needs;
	const char *help;
	const struct ph_comparison *compare;
	/*
	 * The next value; *cursor is 0 at first and the function's to change.
	 * 1, 0 no more, -1 cannot say. selector is the text of the field
	 * "with"; recipient is NULL at message level.
	 */
	int (*value)(struct ph_evaluation *e,
		     const struct ph_recipient *recipient, const char *selector,
		     size_t *cursor, struct ph_value *value_r,
		     struct ph_err *err);
};

/* Sorted by name; ends with name NULL. */
extern const struct ph_condition ph_conditions[];

/* ---- subjects ---------------------------------------------------------- */

int ph_subject_subject(struct ph_evaluation *e,
		       const struct ph_recipient *recipient,
		       const char *selector, size_t *cursor,
		       struct ph_value *value_r, struct ph_err *err);
/* Every field named by the selector. */
int ph_subject_header(struct ph_evaluation *e,
		      const struct ph_recipient *recipient,
		      const char *selector, size_t *cursor,
		      struct ph_value *value_r, struct ph_err *err);
/*
 * Inside: the client is authenticated (AuthAs Internal) and the sender (From,
 * else the reverse-path) is in an Authoritative or InternalRelay domain, or is
 * in the directory as anything but a contact (facts/exchange-rules.md 3.1).
 */
int ph_subject_from_scope(struct ph_evaluation *e,
			  const struct ph_recipient *recipient,
			  const char *selector, size_t *cursor,
			  struct ph_value *value_r, struct ph_err *err);

/* ---- comparisons ------------------------------------------------------- */

/*
 * A whole word or phrase, without case: both sides in Unicode case folding and
 * NFKC, a hit has neither letter, digit nor mark at its sides. One of the words
 * is enough.
 */
extern const struct ph_comparison ph_compare_words;
/* The same scope. */
extern const struct ph_comparison ph_compare_scope;

void ph_evaluation_init(struct ph_evaluation *e, struct ph_mail *mail);
void ph_evaluation_fini(struct ph_evaluation *e);

#endif
