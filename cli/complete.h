#ifndef PH_CLI_COMPLETE_H
#define PH_CLI_COMPLETE_H

#include "cli/command.h"
#include "lib/state/kinds.h"

#include <glib.h>

/*
 * What can stand in the place of the last word of a command line, out of the
 * tables from which it will be parsed. share/completions/posthub asks, through
 * "posthub complete"; nothing is said of what cannot be found.
 */
enum ph_complete_end {
	PH_COMPLETE_BLANK = 0, /* a blank comes after the word */
	PH_COMPLETE_FILES = 1, /* it is a file's name, which the shell knows */
	PH_COMPLETE_OPEN = 2,  /* the word goes on */
};

struct ph_completion {
	const struct ph_verb *verbs;
	/* Calls ph_complete_add for the names of a kind's objects; NULL: they
	 * are not known. */
	void (*names)(struct ph_completion *completion,
		      const struct ph_kind *kind);

	/* What was understood of the words. */
	const char *conf_path; /* of -c; NULL: not given */
	const char *last;      /* what was typed of the last word */
	size_t head;	       /* so much of it stays as it is */

	enum ph_complete_end end;
	GPtrArray *found; /* whole words (char *) that begin as the last one */
};

/* words: at least one, without quotes. Free found. */
void ph_complete(struct ph_completion *completion, const char *const *words,
		 size_t n);

/* Of the last word what comes after its head can be this, if it begins so. */
void ph_complete_add(struct ph_completion *completion, const char *value);

void ph_complete_words(struct ph_completion *completion,
		       const char *const *words);

/* The same for the names of a kind's objects. */
void ph_complete_names(struct ph_completion *completion, const char *kind);

/* What comes after the head is a list: the elements before the last one stay.
 */
void ph_complete_list(struct ph_completion *completion);

/* ---- complete_argument.c: what tables of verbs and options call things -----
 */

/* What can stand for "SERVER", "[NAME]"; "ldif|csv" are the words themselves.
 * name: the noun's, or of an option its own. */
void ph_complete_argument(struct ph_completion *completion,
			  const char *argument, const char *name);

/* Is it known what that stands for? */
bool ph_complete_knows(const char *argument);

/* ---- complete_word.c: words as the shell sees them ------------------------
 */

struct ph_shell_word {
	char *text; /* g_free */
	char quote; /* the one that is open at the end; or 0 */
	size_t cut; /* in text: where that begins which the shell replaces */
};

/* breaks: bash's COMP_WORDBREAKS. */
void ph_shell_word_parse(struct ph_shell_word *word, const char *raw,
			 const char *breaks);

/* As it is written in the place of what the shell replaces; g_free. */
char *ph_shell_word_format(const struct ph_shell_word *word, const char *text);

/* ---- complete_names.c -----------------------------------------------------
 */

#define PH_COMPLETE "complete"

/* "posthub complete BREAKS WORD ...": enum ph_complete_end, and a candidate a
 * line. Ends within a second, and without a word when there is nothing. */
int ph_complete_main(const struct ph_verb *verbs, int argc, char **argv);

#endif
