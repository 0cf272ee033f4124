#include "cli/complete.h"

#include "cli/input.h"

#include <string.h>

/* A command line that is not finished, as far as it is understood. */
struct typed {
	struct ph_parsed parsed;
	const struct ph_option *option; /* whose value the last word is */
	bool given[PH_OPTIONS_MAX];
	bool file;     /* the last word is the value of -c */
	bool words;    /* "--" was there: nothing is an option any more */
	bool has_verb; /* or the noun is its own verb */
	GPtrArray *arguments; /* of the verb; without the last word */
};

/* ---- candidates --------------------------------------------------------- */

/* A line and a word of the shell hold no control characters. */
static bool
can_be_shown(const char *text)
{
	for (; *text != '\0'; text++)
		if (g_ascii_iscntrl(*text))
			return false;
	return true;
}

void
ph_complete_add(struct ph_completion *completion, const char *value)
{
	const char *tail = completion->last + completion->head;
	g_autofree char *head = g_strndup(completion->last, completion->head);
	char *word;

	if (g_ascii_strncasecmp(value, tail, strlen(tail)) != 0 ||
	    !can_be_shown(value))
		return;
	word = g_strconcat(head, value, NULL);
	if (g_ptr_array_find_with_equal_func(completion->found, word,
					     g_str_equal, NULL))
		g_free(word);
	else
		g_ptr_array_add(completion->found, word);
}

/* ---- fields and their values -------------------------------------------- */

static bool
is_given(const struct typed *typed, const char *field)
{
	const bool named = !(typed->parsed.kind->flags & PH_KIND_SINGLETON);
	const size_t n = strlen(field);

	for (guint i = named ? 1 : 0; i < typed->arguments->len; i++) {
		const char *word = typed->arguments->pdata[i];

		if (g_ascii_strncasecmp(word, field, n) == 0 &&
		    (word[n] == '=' || word[n] == '\0'))
			return true;
	}
	return false;
}

static void
add_field(struct ph_completion *completion, const struct typed *typed,
	  const char *before, const char *field, const char *after)
{
	g_autofree char *name = g_strconcat(before, field, NULL);
	g_autofree char *word = g_strconcat(name, after, NULL);

	if (!is_given(typed, name))
		ph_complete_add(completion, word);
}

static void
add_fields(struct ph_completion *completion, const struct typed *typed,
	   const char *after)
{
	const struct ph_field *fields = typed->parsed.kind->fields;

	for (const struct ph_field *f = fields; f->name != NULL; f++)
		if (!(f->flags & PH_FIELD_UNSUPPORTED))
			add_field(completion, typed, "", f->name, after);
	for (const struct ph_field *f = fields; f->name != NULL; f++)
		if ((f->flags & PH_FIELD_CONDITION) &&
		    !(f->flags & PH_FIELD_UNSUPPORTED))
			add_field(completion, typed, "ExceptIf", f->name,
				  after);
}

static bool
is_list(enum ph_type type)
{
	return type == PH_TYPE_LIST || type == PH_TYPE_NAMES ||
	       type == PH_TYPE_WORDS;
}

/* After "Field=", which the last word holds. */
static void
add_values(struct ph_completion *completion, const struct ph_kind *kind)
{
	static const char *const yes_or_no[] = {"true", "false", NULL};
	const size_t n = strcspn(completion->last, "=");
	g_autofree char *name = g_strndup(completion->last, n);
	const struct ph_field *field = ph_kind_field(kind, name, NULL);

	completion->head = n + 1;
	if (field == NULL)
		return;
	if (is_list(field->type))
		ph_complete_list(completion);
	if (field->words != NULL)
		ph_complete_words(completion, field->words);
	else if (field->type == PH_TYPE_BOOL)
		ph_complete_words(completion, yes_or_no);
	else if (field->refers != NULL)
		ph_complete_names(completion, field->refers);
	if (field->type == PH_TYPE_SIZE || (field->flags & PH_FIELD_UNLIMITED))
		ph_complete_add(completion, "unlimited");
}

/* A package is a file: Value=@FILE, @FILE. */
static bool
is_package_file(const struct ph_kind *kind, const char *word)
{
	const char *equals = strchr(word, '=');

	return (kind->flags & PH_KIND_STRING) != 0 &&
	       (word[0] == '@' || (equals != NULL && equals[1] == '@'));
}

static void
add_assignments(struct ph_completion *completion, const struct typed *typed)
{
	const struct ph_kind *kind = typed->parsed.kind;

	if (is_package_file(kind, completion->last)) {
		completion->end = PH_COMPLETE_FILES;
		return;
	}
	if (strchr(completion->last, '=') != NULL) {
		add_values(completion, kind);
		return;
	}
	completion->end = PH_COMPLETE_OPEN;
	add_fields(completion, typed,
		   kind->flags & PH_KIND_STRING ? "=@" : "=");
}

/* ---- words of a verb ----------------------------------------------------- */

static void
add_options(struct ph_completion *completion, const struct typed *typed)
{
	const struct ph_option *options = typed->parsed.verb->options;

	for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
		g_autofree char *word =
		    g_strconcat("--", options[i].name, NULL);
		const bool several =
		    options[i].argument != NULL &&
		    g_str_has_suffix(options[i].argument, " ...");

		if (!typed->given[i] || several)
			ph_complete_add(completion, word);
	}
}

static void
add_globals(struct ph_completion *completion)
{
	for (const struct ph_global *g = ph_globals; g->option != NULL; g++) {
		ph_complete_add(completion, g->option);
		ph_complete_add(completion, g->other);
	}
}

/* What the verb's line in the help says stands here; the last one may be there
 * several times. A kind that exists once has no name. */
static void
add_word(struct ph_completion *completion, const struct typed *typed)
{
	const struct ph_verb *verb = typed->parsed.verb;
	const struct ph_kind *kind = typed->parsed.kind;
	g_auto(GStrv) arguments =
	    g_strsplit(ph_verb_arguments(verb, kind), " ", -1);
	size_t at = typed->arguments->len;
	const char *argument;

	if (typed->arguments->len >= verb->max)
		return;
	for (size_t i = 0; i < at && arguments[i] != NULL; i++)
		if (arguments[i + 1] != NULL &&
		    strcmp(arguments[i + 1], "...") == 0)
			at = i;
	if (at >= g_strv_length(arguments))
		return;
	argument = arguments[at];
	if (strcmp(argument, "Field=Value") == 0)
		add_assignments(completion, typed);
	else if (strcmp(argument, "Field") == 0)
		add_fields(completion, typed, "");
	else
		ph_complete_argument(completion, argument,
				     kind ? kind->name : verb->noun);
}

/* "--to=SERVER" in one word. */
static void
add_joined(struct ph_completion *completion, const struct typed *typed)
{
	const struct ph_option *options = typed->parsed.verb->options;
	const char *name = completion->last + 2;
	const size_t n = strcspn(name, "=");

	completion->head = n + 3;
	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == n &&
		    g_ascii_strncasecmp(options->name, name, n) == 0 &&
		    options->argument != NULL)
			ph_complete_argument(completion, options->argument,
					     options->name);
}

/* ---- nouns and verbs ----------------------------------------------------- */

static void
add_nouns(struct ph_completion *completion)
{
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++)
		if (!(kind->flags & PH_KIND_INTERNAL))
			ph_complete_add(completion, kind->name);
	for (const struct ph_verb *verb = completion->verbs; verb->noun; verb++)
		if (strcmp(verb->noun, PH_ANY_KIND) != 0)
			ph_complete_add(completion, verb->noun);
}

static void
add_verbs(struct ph_completion *completion, const struct typed *typed)
{
	for (const struct ph_verb *verb = completion->verbs; verb->noun; verb++)
		if (verb->verb != NULL &&
		    ph_parsed_verb(completion->verbs, &typed->parsed,
				   verb->verb) != NULL)
			ph_complete_add(completion, verb->verb);
}

/* ---- the line ------------------------------------------------------------ */

static const struct ph_global *
find_global(const char *word)
{
	for (const struct ph_global *g = ph_globals; g->option != NULL; g++)
		if (strcmp(g->option, word) == 0 || strcmp(g->other, word) == 0)
			return g;
	return NULL;
}

/* true: the next word is its value. */
static bool
take_option(struct typed *typed, const char *word, bool is_last)
{
	const struct ph_option *options = typed->parsed.verb->options;
	const size_t n = strcspn(word + 2, "=");

	for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
		if (strlen(options[i].name) != n ||
		    g_ascii_strncasecmp(options[i].name, word + 2, n) != 0)
			continue;
		typed->given[i] = true;
		if (options[i].argument == NULL || word[2 + n] == '=')
			return false;
		if (is_last)
			typed->option = &options[i];
		return true;
	}
	return false;
}

static void
take_noun_or_verb(struct ph_completion *completion, struct typed *typed,
		  const char *word)
{
	struct ph_parsed *parsed = &typed->parsed;

	if (parsed->noun == NULL) {
		(void)ph_parsed_noun(parsed, completion->verbs, word, NULL);
		parsed->verb = parsed->noun ? ph_parsed_verb(completion->verbs,
							     parsed, NULL)
					    : NULL;
	} else
		parsed->verb = ph_parsed_verb(completion->verbs, parsed, word);
	typed->has_verb = parsed->verb != NULL;
}

/* All words but the last. false: what comes next cannot be known. */
static bool
take_words(struct ph_completion *completion, struct typed *typed,
	   const char *const *words, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		const bool is_last = i + 2 == n;
		const struct ph_global *global =
		    typed->words ? NULL : find_global(words[i]);
		const char *joined =
		    typed->words ? NULL : ph_global_joined(words[i]);

		if (joined != NULL) {
			completion->conf_path = joined;
		} else if (global != NULL) {
			if (global->argument == NULL)
				continue;
			typed->file = is_last;
			if (!is_last)
				completion->conf_path = words[++i];
		} else if (!typed->has_verb) {
			const bool noun = typed->parsed.noun != NULL;

			take_noun_or_verb(completion, typed, words[i]);
			if (typed->parsed.noun == NULL ||
			    (noun && !typed->has_verb))
				return false;
		} else if (!typed->words && strcmp(words[i], "--") == 0) {
			typed->words = true;
		} else if (!typed->words && g_str_has_prefix(words[i], "--")) {
			if (take_option(typed, words[i], is_last))
				i++;
		} else
			g_ptr_array_add(typed->arguments, (gpointer)words[i]);
	}
	return true;
}

static void
add_last(struct ph_completion *completion, const struct typed *typed)
{
	const bool option = !typed->words && completion->last[0] == '-';

	if (typed->file ||
	    (option && g_str_has_prefix(completion->last, "--config="))) {
		completion->end = PH_COMPLETE_FILES;
	} else if (typed->option != NULL) {
		ph_complete_argument(completion, typed->option->argument,
				     typed->option->name);
	} else if (option && typed->has_verb &&
		   g_str_has_prefix(completion->last, "--") &&
		   strchr(completion->last, '=') != NULL) {
		add_joined(completion, typed);
	} else if (option) {
		if (typed->has_verb)
			add_options(completion, typed);
		add_globals(completion);
	} else if (typed->has_verb) {
		add_word(completion, typed);
	} else if (typed->parsed.noun != NULL) {
		add_verbs(completion, typed);
	} else
		add_nouns(completion);
}

void
ph_complete(struct ph_completion *completion, const char *const *words,
	    size_t n)
{
	struct typed typed = {.arguments = g_ptr_array_new()};

	completion->last = words[n - 1];
	completion->head = 0;
	completion->end = PH_COMPLETE_BLANK;
	completion->found = g_ptr_array_new_with_free_func(g_free);
	if (take_words(completion, &typed, words, n))
		add_last(completion, &typed);
	g_ptr_array_unref(typed.arguments);
}
