#ifndef PH_RULES_CONDITION_H
#define PH_RULES_CONDITION_H

#include "lib/base/err.h"
#include "lib/state/object.h"
#include "milters/host/agent.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A condition is a subject and a comparison: how a value is obtained and how it
 * is compared with what the rule says are separate. The table ph_conditions is
 * the only list; names are the parameters of New-TransportRule. Asking is free
 * of side effects but for directory look-ups and for what the message parses
 * when first asked.
 */
struct ph_evaluation;
struct ph_predicate;
struct ph_vocabulary;

enum ph_answer {
	PH_ANSWER_FALSE,
	PH_ANSWER_TRUE,
	PH_ANSWER_ERROR, /* cannot say */
};

enum ph_level {
	PH_LEVEL_MESSAGE,   /* asked once, hits all recipients */
	PH_LEVEL_RECIPIENT, /* asked for each recipient */
};

/* What a subject looks at. */
enum {
	PH_NEED_HEADERS = 1 << 0,    /* header fields, which rules change */
	PH_NEED_RECIPIENTS = 1 << 1, /* recipients, which rules change */
	PH_NEED_ENVELOPE = 1 << 2,   /* what does not change: client, sender,
				      * size */
	PH_NEED_BODY = 1 << 3,	     /* the body */
	PH_NEED_PARTS = 1 << 4,	     /* attachments, by the MIME tree */
	PH_NEED_TEXT = 1 << 5,	     /* attachments, opened */
	PH_NEED_DIRECTORY = 1 << 6,  /* can fail */
	PH_NEED_STRUCTURE = 1 << 7, /* the MIME tree, which an encrypted message
				     * has as well */
};
/* What rules do not look at in an encrypted message. */
#define PH_NEED_CONTENT (PH_NEED_BODY | PH_NEED_PARTS | PH_NEED_TEXT)
/* Can answer "cannot say". */
#define PH_NEED_FALLIBLE (PH_NEED_DIRECTORY | PH_NEED_PARTS | PH_NEED_TEXT)

/* What a subject gives; each comparison knows which member it reads. */
struct ph_value {
	const char *text; /* valid UTF-8, borrowed from the message */
	size_t size;	  /* of text; 0: strlen */
	int64_t number;
};

struct ph_subject {
	const char *name; /* for people: "subject" */
	enum ph_level level;
	unsigned needs;
	/* The header fields it looks at, NULL-terminated; "" stands for the one
	 * that the selector names; NULL: none. */
	const char *const *headers;
	/*
	 * The next value; *cursor is 0 at first and the function's to change.
	 * 1, 0 no more, -1 cannot say. selector is as the condition says (NULL:
	 * none); recipient is NULL at message level.
	 */
	int (*value)(struct ph_evaluation *e, struct ph_recipient *recipient,
		     const char *selector, size_t *cursor,
		     struct ph_value *value_r, struct ph_err *err);
};

/* What a predicate is compiled from. */
struct ph_compile {
	const struct ph_condition *condition;
	const struct ph_object *rule;
	const char *field;    /* "SubjectContainsWords" or its ExceptIf twin */
	const char *prefix;   /* "" or "ExceptIf" */
	const char *selector; /* borrowed of the rule, or NULL */
	struct ph_vocabulary *vocabulary;
};

struct ph_comparison {
	const char *name;
	/* What the rule says, prepared once; free with free (NULL: g_free). */
	void *(*compile)(const struct ph_compile *c);
	void (*free)(void *operand);
	/* One value: 1, 0, -1 cannot say. */
	int (*match)(struct ph_evaluation *e, const void *operand,
		     const struct ph_value *value, struct ph_err *err);
	/* In place of asking match about each value of the subject. */
	enum ph_answer (*ask)(struct ph_evaluation *e,
			      const struct ph_predicate *p,
			      struct ph_recipient *recipient,
			      struct ph_err *err);
	/* Optional: enters the values that can make the predicate TRUE, so that
	 * the rule is asked only where one of them is there. rule is its
	 * position. */
	void (*gate)(const struct ph_predicate *p,
		     struct ph_vocabulary *vocabulary, uint32_t rule);
	/* What goes into ph_finding as "value"; NULL: the text. g_free. */
	char *(*show)(const struct ph_value *value);
};

/* Where a condition's selector comes from. */
enum ph_select {
	PH_SELECT_NOTHING,
	PH_SELECT_FIELD,    /* the field "with" */
	PH_SELECT_LOCATION, /* the rule's SenderAddressLocation */
	PH_SELECT_TYPE,	    /* the rule's RecipientAddressType */
};

struct ph_condition {
	const char *name; /* the field that is compared */
	const char *with; /* the other field of the pair; or NULL */
	enum ph_select select;
	enum ph_level level;
	const struct ph_comparison *compare;
	const struct ph_subject *subject;
	const struct ph_subject *also; /* a second one; or NULL */
	const char *help;
};

/* Sorted by name; ends with name NULL. */
extern const struct ph_condition ph_conditions[];
/* By the name of its first field; NULL: there is none. */
const struct ph_condition *ph_condition_find(const char *name);
unsigned ph_condition_needs(const struct ph_condition *condition);

/* One condition or exception of a rule. */
struct ph_predicate {
	const struct ph_condition *condition;
	bool except;
	const char *selector;
	void *operand;
};

/* What a predicate saw, for "rule explain". */
struct ph_finding {
	char *value; /* looked at: of several the last, or the one that
		      * matched; shortened */
	char *match; /* the text that matched; NULL */
	char *where; /* "subject", "body, character 12"; NULL */
};
void ph_finding_clear(struct ph_finding *finding);

/* Asks one predicate; recipient is NULL at message level. */
enum ph_answer ph_predicate_ask(struct ph_evaluation *e,
				const struct ph_predicate *p,
				struct ph_recipient *recipient,
				struct ph_err *err);

/* ---- subjects, in subject_*.c ------------------------------------------- */

extern const struct ph_subject ph_subject_subject, ph_subject_header,
    ph_subject_scl, ph_subject_importance, ph_subject_classification,
    ph_subject_no_classification, ph_subject_override;
extern const struct ph_subject ph_subject_to, ph_subject_cc, ph_subject_to_cc;
extern const struct ph_subject ph_subject_body, ph_subject_charset,
    ph_subject_message_type;
extern const struct ph_subject ph_subject_attachment_text,
    ph_subject_attachment_name, ph_subject_attachment_extension,
    ph_subject_attachment_size, ph_subject_attachment_property,
    ph_subject_unsupported, ph_subject_executable, ph_subject_protected,
    ph_subject_limit, ph_subject_classified;
extern const struct ph_subject ph_subject_sender, ph_subject_from_scope,
    ph_subject_sender_attribute, ph_subject_client_ip, ph_subject_size;
extern const struct ph_subject ph_subject_recipient, ph_subject_sent_to_scope,
    ph_subject_recipient_attribute, ph_subject_any_recipient;
/* For comparisons that obtain their values themselves. */
extern const struct ph_subject ph_subject_pair, ph_subject_pair_message;

/* ---- comparisons, in compare_*.c ---------------------------------------- */

/*
 * A whole word or phrase, without case: both sides in Unicode case folding and
 * NFKC, a hit has neither letter, digit nor mark at its sides; a phrase is
 * found across white space of any kind and length. One of the words is enough.
 */
extern const struct ph_comparison ph_compare_words;
extern const struct ph_comparison ph_compare_patterns; /* lib/match/pattern.h */
/* "Attribute:words", "Attribute:pattern": of the subject with that selector. */
extern const struct ph_comparison ph_compare_attribute_words;
extern const struct ph_comparison ph_compare_attribute_patterns;
/* The same recipient, under any of its addresses. */
extern const struct ph_comparison ph_compare_address;
/* The domain or a parent of it. */
extern const struct ph_comparison ph_compare_domain;
extern const struct ph_comparison ph_compare_member; /* of one of the groups */
extern const struct ph_comparison ph_compare_least;  /* number at least */
extern const struct ph_comparison ph_compare_word;   /* index of a WORD */
extern const struct ph_comparison ph_compare_bool;
extern const struct ph_comparison ph_compare_name; /* text, without case */
extern const struct ph_comparison ph_compare_range;
extern const struct ph_comparison ph_compare_classified;
/* The name or GUID of an item of MessageContainsDataClassifications, folded;
 * NULL: it has none. g_free. */
char *ph_classified_name(const char *item);
extern const struct ph_comparison ph_compare_between; /* two groups */
extern const struct ph_comparison ph_compare_manager;
extern const struct ph_comparison ph_compare_relationship;
extern const struct ph_comparison ph_compare_attributes; /* ADComparison */

/* Order of the words of FromScope and SentToScope. */
enum ph_scope {
	PH_SCOPE_INSIDE,
	PH_SCOPE_OUTSIDE,
	PH_SCOPE_PARTNER,     /* outside, over mutual TLS */
	PH_SCOPE_NOT_PARTNER, /* outside, others */
};

#endif
