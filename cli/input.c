#include "cli/input.h"

#include <string.h>

static size_t
find_option(const struct ph_input *input, const char *name)
{
	for (size_t i = 0; input->options && input->options[i].name; i++) {
		if (strcmp(input->options[i].name, name) == 0)
			return i;
	}
	g_error("option --%s is not in the verb's table", name);
}

const char *
ph_input_option(const struct ph_input *input, const char *name)
{
	return input->values[find_option(input, name)];
}

const GPtrArray *
ph_input_list(const struct ph_input *input, const char *name)
{
	return input->lists[find_option(input, name)];
}

/* ---- options ------------------------------------------------------------ */

static void
take_conf(struct ph_parsed *parsed, const char *value)
{
	parsed->conf_path = value;
}

static void
take_json(struct ph_parsed *parsed, const char *value)
{
	(void)value;
	parsed->json = true;
}

static void
take_help(struct ph_parsed *parsed, const char *value)
{
	(void)value;
	parsed->wish = PH_WISH_HELP;
}

static void
take_version(struct ph_parsed *parsed, const char *value)
{
	(void)value;
	parsed->wish = PH_WISH_VERSION;
}

const struct ph_global ph_globals[] = {
    {"-c", "--config", "FILE", "configuration file (/etc/posthub/posthub.conf)",
     take_conf},
    {"--json", "--json", NULL, "print JSON, for programs", take_json},
    {"-h", "--help", NULL, "this help; of a noun: its verbs and fields",
     take_help},
    {"-V", "--version", NULL, "the version", take_version},
    {0},
};

static const char *
joined_value(const struct ph_global *global, const char *word)
{
	size_t n = strlen(global->other);

	if (!global->argument)
		return NULL;
	if (strncmp(word, global->other, n) == 0 && word[n] == '=')
		return word + n + 1;
	n = strlen(global->option);
	return strncmp(word, global->option, n) == 0 && word[n] != '\0'
		   ? word + n
		   : NULL;
}

const char *
ph_global_joined(const char *word)
{
	const char *value = NULL;

	for (const struct ph_global *g = ph_globals; !value && g->option; g++)
		value = joined_value(g, word);
	return value;
}

/* Arguments that are not options of the whole command; GPtrArray of borrowed
 * strings. What comes after "--" is never an option: "--" stays. */
static int
take_globals(struct ph_parsed *parsed, int argc, char **argv, GPtrArray *rest,
	     struct ph_err *err)
{
	bool words = false;

	for (int i = 1; i < argc; i++) {
		const struct ph_global *found = NULL;
		const char *value = NULL;

		for (const struct ph_global *g = ph_globals;
		     !words && !value && g->option; g++) {
			value = joined_value(g, argv[i]);
			if (value)
				g->take(parsed, value);
			if (strcmp(argv[i], g->option) == 0 ||
			    strcmp(argv[i], g->other) == 0)
				found = g;
		}
		words = words || strcmp(argv[i], "--") == 0;
		if (value)
			continue;
		if (!found)
			g_ptr_array_add(rest, argv[i]);
		else if (!found->argument)
			found->take(parsed, NULL);
		else if (i + 1 < argc)
			found->take(parsed, argv[++i]);
		else
			return ph_err_set(err, PH_ERR_PERM,
					  "%s needs a file name", argv[i]);
	}
	return 0;
}

/* The name in "--name" or "--name=value" of an option of the verb; -1: it has
 * none of that name. */
static gssize
match_option(const struct ph_option *options, const char *name)
{
	for (size_t i = 0; options && options[i].name; i++) {
		g_assert(i < PH_OPTIONS_MAX);
		if (g_ascii_strcasecmp(options[i].name, name) == 0)
			return (gssize)i;
	}
	return -1;
}

/* 0, or -1: it was given before and may not be. */
static int
put_value(struct ph_input *input, size_t i, const char *value,
	  struct ph_err *err)
{
	const struct ph_option *option = &input->options[i];

	if (option->argument && g_str_has_suffix(option->argument, " ...")) {
		if (!input->lists[i])
			input->lists[i] = g_ptr_array_new();
		g_ptr_array_add(input->lists[i], (gpointer)value);
	} else if (input->values[i])
		return ph_err_set(err, PH_ERR_PERM, "--%s is given twice",
				  option->name);
	if (!input->values[i])
		input->values[i] = value;
	return 0;
}

static int
take_option(struct ph_parsed *parsed, GPtrArray *rest, guint *at,
	    struct ph_err *err)
{
	const struct ph_option *options = parsed->verb->options;
	const char *typed = g_ptr_array_index(rest, *at);
	g_autofree char *name = g_strdup(typed + 2);
	char *equals = strchr(name, '=');
	const char *value = NULL;
	gssize i;

	if (equals)
		*equals = '\0';
	i = match_option(options, name);
	if (i < 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "unknown option %s; \"posthub %s%s%s -h\" "
				  "lists those there are",
				  typed, parsed->noun,
				  parsed->verb->verb ? " " : "",
				  parsed->verb->verb ? parsed->verb->verb : "");
	if (!options[i].argument)
		value = equals ? NULL : "";
	else if (equals)
		value = strchr(typed, '=') + 1;
	else if (*at + 1 < rest->len)
		value = g_ptr_array_index(rest, ++*at);
	if (value)
		return put_value(&parsed->input, (size_t)i, value, err);
	return ph_err_set(err, PH_ERR_PERM, "--%s %s%s", name,
			  options[i].argument ? "needs a value: "
					      : "takes no value",
			  options[i].argument ? options[i].argument : "");
}

static int
take_words(struct ph_parsed *parsed, GPtrArray *rest, guint at,
	   struct ph_err *err)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	bool options = true;

	for (; at < rest->len; at++) {
		const char *word = g_ptr_array_index(rest, at);

		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (!options || word[0] != '-' || !word[1])
			g_ptr_array_add(words, (gpointer)word);
		else if (g_str_has_prefix(word, "--")) {
			if (take_option(parsed, rest, &at, err) < 0)
				return -1;
		} else
			return ph_err_set(err, PH_ERR_PERM,
					  "unknown option %s; write \"--\" "
					  "before a name that begins with '-'",
					  word);
	}
	parsed->input.n = words->len;
	g_ptr_array_add(words, NULL);
	parsed->input.words = (const char *const *)g_ptr_array_free(
	    g_steal_pointer(&words), FALSE);
	return 0;
}

/* ---- noun and verb ------------------------------------------------------ */

static bool
is_noun(const struct ph_verb *verb, const struct ph_parsed *parsed)
{
	if (strcmp(verb->noun, PH_ANY_KIND) == 0)
		return parsed->kind != NULL;
	return g_ascii_strcasecmp(verb->noun, parsed->noun) == 0 ||
	       (parsed->kind &&
		g_ascii_strcasecmp(verb->noun, parsed->kind->name) == 0);
}

int
ph_parsed_noun(struct ph_parsed *parsed, const struct ph_verb *verbs,
	       const char *noun, struct ph_err *err)
{
	parsed->kind = ph_kind_find(noun);
	if (parsed->kind && (parsed->kind->flags & PH_KIND_INTERNAL))
		parsed->kind = NULL;
	parsed->noun = noun;
	for (const struct ph_verb *verb = verbs; verb->noun; verb++) {
		if (is_noun(verb, parsed))
			return 0;
	}
	parsed->noun = NULL;
	if (noun[0] == '-')
		return ph_err_set(err, PH_ERR_PERM,
				  "unknown option %s; \"posthub -h\" lists "
				  "those there are before a noun",
				  noun);
	return ph_err_set(err, PH_ERR_PERM,
			  "\"%s\" is no noun; \"posthub -h\" lists those "
			  "there are",
			  noun);
}

static char *
list_verbs(const struct ph_verb *verbs, const struct ph_parsed *parsed)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (; verbs->noun; verbs++) {
		if (is_noun(verbs, parsed) && verbs->verb &&
		    !g_ptr_array_find_with_equal_func(names, verbs->verb,
						      g_str_equal, NULL))
			g_ptr_array_add(names, (gpointer)verbs->verb);
	}
	g_ptr_array_add(names, NULL);
	return g_strjoinv(", ", (char **)names->pdata);
}

const struct ph_verb *
ph_parsed_verb(const struct ph_verb *verbs, const struct ph_parsed *parsed,
	       const char *name)
{
	const struct ph_verb *found = NULL;

	for (; verbs->noun; verbs++) {
		bool generic = strcmp(verbs->noun, PH_ANY_KIND) == 0;

		if (!is_noun(verbs, parsed) || (found && generic))
			continue;
		if (!verbs->verb ||
		    (name && g_ascii_strcasecmp(verbs->verb, name) == 0))
			found = verbs;
	}
	return found;
}

const char *
ph_verb_arguments(const struct ph_verb *verb, const struct ph_kind *kind)
{
	static const char name[] = "NAME";
	const char *arguments = verb->arguments;

	if (kind && (kind->flags & PH_KIND_SINGLETON) &&
	    g_str_has_prefix(arguments, name)) {
		arguments += strlen(name);
		arguments += strspn(arguments, " ");
	}
	return arguments;
}

static int
check_count(const struct ph_parsed *parsed, struct ph_err *err)
{
	const struct ph_verb *verb = parsed->verb;
	const char *arguments = ph_verb_arguments(verb, parsed->kind);
	size_t n = parsed->input.n;
	size_t max = *arguments ? verb->max : 0;

	if (n > max)
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%s\" is one argument too many; expected "
				  "posthub %s%s%s%s%s",
				  parsed->input.words[max], parsed->noun,
				  verb->verb ? " " : "",
				  verb->verb ? verb->verb : "",
				  *arguments ? " " : "", arguments);
	if (n < verb->min)
		return ph_err_set(err, PH_ERR_PERM,
				  "an argument is missing; expected posthub "
				  "%s%s%s %s",
				  parsed->noun, verb->verb ? " " : "",
				  verb->verb ? verb->verb : "", arguments);
	return 0;
}

static int
parse(struct ph_parsed *parsed, const struct ph_verb *verbs, GPtrArray *rest,
      struct ph_err *err)
{
	const char *name = rest->len > 1 ? g_ptr_array_index(rest, 1) : NULL;
	g_autofree char *all = NULL;

	if (rest->len == 0 && parsed->wish != PH_WISH_RUN)
		return 0;
	if (rest->len == 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "nothing to do; \"posthub -h\" lists what "
				  "there is");
	if (ph_parsed_noun(parsed, verbs, g_ptr_array_index(rest, 0), err) < 0)
		return -1;
	parsed->verb = ph_parsed_verb(verbs, parsed, name);
	if (parsed->wish != PH_WISH_RUN)
		return 0;
	if (!parsed->verb) {
		all = list_verbs(verbs, parsed);
		return ph_err_set(err, PH_ERR_PERM,
				  name ? "%s has no verb \"%s\"; expected one "
					 "of: %s"
				       : "%s needs a verb%s; one of: %s",
				  parsed->noun, name ? name : "", all);
	}
	if (strcmp(parsed->verb->noun, PH_ANY_KIND) == 0)
		parsed->input.kind = parsed->kind;
	parsed->input.options = parsed->verb->options;
	if (take_words(parsed, rest, parsed->verb->verb ? 2 : 1, err) < 0)
		return -1;
	return check_count(parsed, err);
}

int
ph_parsed_init(struct ph_parsed *parsed, const struct ph_verb *verbs, int argc,
	       char **argv, struct ph_err *err)
{
	g_autoptr(GPtrArray) rest = g_ptr_array_new();

	memset(parsed, 0, sizeof *parsed);
	if (take_globals(parsed, argc, argv, rest, err) < 0)
		return -1;
	return parse(parsed, verbs, rest, err);
}

void
ph_parsed_clear(struct ph_parsed *parsed)
{
	g_free((gpointer)parsed->input.words);
	parsed->input.words = NULL;
	parsed->input.n = 0;
	for (size_t i = 0; i < PH_OPTIONS_MAX; i++) {
		if (parsed->input.lists[i])
			g_ptr_array_unref(parsed->input.lists[i]);
		parsed->input.lists[i] = NULL;
	}
}
