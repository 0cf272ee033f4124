#ifndef PH_CLI_INPUT_H
#define PH_CLI_INPUT_H

#include "cli/command.h"
#include "lib/state/kinds.h"

/* From the arguments to a verb and its input. Pure. */

enum ph_wish { PH_WISH_RUN, PH_WISH_HELP, PH_WISH_VERSION };

struct ph_parsed {
	enum ph_wish wish;
	const char *conf_path; /* of -c; NULL: not given */
	bool json;
	/* The noun, as far as it was understood: for help. */
	const char *noun; /* NULL: none */
	const struct ph_kind *kind;
	const struct ph_verb *verb; /* of WISH_RUN */
	struct ph_input input;	    /* words are owned */
};

/* 0, or -1: usage, err names the argument and the remedy. Strings are borrowed
 * from argv. Clear in both cases. */
int ph_parsed_init(struct ph_parsed *parsed, const struct ph_verb *verbs,
		   int argc, char **argv, struct ph_err *err);
void ph_parsed_clear(struct ph_parsed *parsed);

/* ---- for help and completion --------------------------------------------- */

/* Options of the whole command, before or after the noun. */
struct ph_global {
	const char *option;   /* "-c" */
	const char *other;    /* "--config", or the same */
	const char *argument; /* "FILE"; NULL: a switch */
	const char *help;
	void (*take)(struct ph_parsed *parsed, const char *value);
};
extern const struct ph_global ph_globals[]; /* ends with option NULL */

/* What a verb takes, of a kind that exists once no name; kind may be NULL. */
const char *ph_verb_arguments(const struct ph_verb *verb,
			      const struct ph_kind *kind);

/* The value in "--config=FILE" and "-cFILE"; NULL: it is something else. */
const char *ph_global_joined(const char *word);

/* Sets noun and kind; as ph_parsed_init. */
int ph_parsed_noun(struct ph_parsed *parsed, const struct ph_verb *verbs,
		   const char *noun, struct ph_err *err);

/* The verb of the noun, of one without verbs under every name; a row of its
 * own wins over the one every kind has. NULL: it has none such. */
const struct ph_verb *ph_parsed_verb(const struct ph_verb *verbs,
				     const struct ph_parsed *parsed,
				     const char *name);

/* Help for what was parsed: everything, a noun, or a verb; g_free. */
char *ph_help_text(const struct ph_verb *verbs, const struct ph_parsed *parsed);

#endif
