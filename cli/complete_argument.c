#include "cli/complete.h"
#include "cli/setup.h"

#include "lib/state/ldap_profile.h"
#include "lib/state/map_names.h"
#include "lib/track/event.h"
#include "lib/track/record.h"

#include <string.h>

void
ph_complete_words(struct ph_completion *completion, const char *const *words)
{
	for (; *words != NULL; words++)
		ph_complete_add(completion, *words);
}

void
ph_complete_names(struct ph_completion *completion, const char *kind)
{
	const struct ph_kind *found = ph_kind_find(kind);

	if (found != NULL && completion->names != NULL)
		completion->names(completion, found);
}

void
ph_complete_list(struct ph_completion *completion)
{
	const char *tail = completion->last + completion->head;
	const char *comma = strrchr(tail, ',');

	if (comma != NULL)
		completion->head += (size_t)(comma + 1 - tail);
	completion->end = PH_COMPLETE_OPEN;
}

/* The noun is the kind; of an option its own name: "--rule NAME". */
static void
add_object(struct ph_completion *completion, const char *name)
{
	ph_complete_names(completion, name);
}

static void
add_map(struct ph_completion *completion, const char *name)
{
	(void)name;
	for (const struct ph_map_name *m = ph_map_names; m->name; m++)
		ph_complete_add(completion, m->name);
}

static void
add_column(struct ph_completion *completion, const char *name)
{
	(void)name;
	ph_complete_list(completion);
	for (int i = 0; i < PH_COLUMNS; i++)
		ph_complete_add(completion, ph_track_columns[i].property);
}

static void
add_server(struct ph_completion *completion, const char *name)
{
	(void)name;
	ph_complete_names(completion, "server");
}

static void
add_rule(struct ph_completion *completion, const char *name)
{
	(void)name;
	ph_complete_names(completion, "rule");
}

static void
add_event(struct ph_completion *completion, const char *name)
{
	(void)name;
	ph_complete_words(completion, ph_track_events);
}

static void
add_source(struct ph_completion *completion, const char *name)
{
	(void)name;
	ph_complete_words(completion, ph_track_sources);
}

static void
add_profile(struct ph_completion *completion, const char *name)
{
	(void)name;
	for (size_t i = 0; ph_ldap_profiles[i].name != NULL; i++)
		ph_complete_add(completion, ph_ldap_profiles[i].name);
}

static void
add_role(struct ph_completion *completion, const char *name)
{
	(void)name;
	for (size_t i = 0; ph_postfix_roles[i].name != NULL; i++)
		ph_complete_add(completion, ph_postfix_roles[i].name);
}

static void
add_files(struct ph_completion *completion, const char *name)
{
	(void)name;
	completion->end = PH_COMPLETE_FILES;
}

static const struct meaning {
	const char *argument;
	/* NULL: nobody can know. */
	void (*add)(struct ph_completion *completion, const char *name);
} meanings[] = {
    {"NAME", add_object},
    {"MAP", add_map},
    {"COLUMN", add_column},
    {"SERVER", add_server},
    {"OTHER", add_rule},
    {"EVENT", add_event},
    {"SOURCE", add_source},
    {"PROFILE", add_profile},
    {"ROLE", add_role},
    {"FILE", add_files},
    {"DIRECTORY", add_files},
    {"ADDRESS", NULL},
    {"USER", NULL},
    {"GROUP", NULL},
    {"KEY", NULL},
    {"TEXT", NULL},
    {"ID", NULL},
    {"MESSAGE-ID", NULL},
    {"DATE", NULL},
    {"NUMBER", NULL},
    {"N", NULL},
    {"SIZE", NULL},
    {"FILTER", NULL},
    {"WORD", NULL},
    /* The kind's: below. */
    {"Field=Value", NULL},
    {"Field", NULL},
    {NULL, NULL},
};

/* "[NAME]" and "NAME,..." are a NAME. */
static const struct meaning *
find_meaning(const char *argument)
{
	const char *word = argument + strspn(argument, "[");
	const size_t n = strcspn(word, "],. ");

	for (const struct meaning *m = meanings; m->argument != NULL; m++)
		if (strncmp(m->argument, word, n) == 0 &&
		    m->argument[n] == '\0')
			return m;
	return NULL;
}

bool
ph_complete_knows(const char *argument)
{
	return find_meaning(argument) != NULL || strchr(argument, '|') != NULL;
}

void
ph_complete_argument(struct ph_completion *completion, const char *argument,
		     const char *name)
{
	const struct meaning *meaning = find_meaning(argument);
	g_auto(GStrv) words = NULL;

	if (meaning != NULL && meaning->add != NULL) {
		meaning->add(completion, name);
	} else if (strchr(argument, '|') != NULL) {
		words = g_strsplit(argument, "|", -1);
		ph_complete_words(completion, (const char *const *)words);
	}
}
