#include "lib/base/conf.h"
#include "lib/base/text.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One slot a row of ph_settings. */
struct slot {
	char *text;
	int64_t number; /* of BOOL, INT, SIZE, SPAN, WORD (index) */
};

struct ph_conf {
	struct slot *slots;
	size_t n;
};

static size_t
count_settings(void)
{
	size_t n = 0;

	while (ph_settings[n].section != NULL)
		n++;
	return n;
}

static bool
is_known_section(const char *section)
{
	for (const struct ph_setting *s = ph_settings; s->section != NULL; s++)
		if (strcmp(s->section, section) == 0)
			return true;
	return false;
}

static int
parse_word(const struct ph_setting *row, const char *text, int64_t *index_r,
	   struct ph_err *err)
{
	g_autofree char *all = NULL;

	for (int64_t i = 0; row->words[i] != NULL; i++)
		if (g_ascii_strcasecmp(row->words[i], text) == 0) {
			*index_r = i;
			return 0;
		}
	all = g_strjoinv(", ", (char **)row->words);
	return ph_err_set(err, PH_ERR_PERM,
			  "\"%.60s\" is not known; expected one of: %s", text,
			  all);
}

static int
parse_number(const struct ph_setting *row, const char *text, int64_t *value_r,
	     struct ph_err *err)
{
	int rc;

	if (row->type == PH_SETTING_INT)
		rc = ph_parse_int(text, value_r, err);
	else if (row->type == PH_SETTING_SIZE)
		rc = ph_parse_size(text, value_r, err);
	else
		rc = ph_parse_span(text, value_r, err);
	if (rc < 0)
		return -1;
	if ((row->min != 0 || row->max != 0) &&
	    (*value_r < row->min || (row->max != 0 && *value_r > row->max)))
		return ph_err_set(
		    err, PH_ERR_PERM,
		    "\"%.60s\" is out of range; expected %" PRId64
		    " to %" PRId64 "%s",
		    text, row->min, row->max != 0 ? row->max : INT64_MAX,
		    row->type == PH_SETTING_SPAN ? " milliseconds" : "");
	return 0;
}

static int
parse_slot(const struct ph_setting *row, const char *text, struct slot *slot,
	   struct ph_err *err)
{
	struct ph_endpoint endpoint;
	bool yes = false;

	g_free(slot->text);
	slot->text = g_strdup(text);
	switch (row->type) {
	case PH_SETTING_TEXT:
		return 0;
	case PH_SETTING_BOOL:
		if (ph_parse_bool(text, &yes, err) < 0)
			return -1;
		slot->number = yes;
		return 0;
	case PH_SETTING_INT:
	case PH_SETTING_SIZE:
	case PH_SETTING_SPAN:
		return parse_number(row, text, &slot->number, err);
	case PH_SETTING_WORD:
		return parse_word(row, text, &slot->number, err);
	case PH_SETTING_ENDPOINT:
		/* Empty switches a listener off. */
		return *text == '\0' ? 0
				     : ph_parse_endpoint(text, &endpoint, err);
	}
	g_assert_not_reached();
}

/* The key file parser forgets where things stood: look again, in the same
 * way. name NULL finds the section's own line. 0: not found. */
static int
find_line(const char *data, const char *section, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(data, "\n", -1);
	bool inside = false;

	for (int i = 0; lines[i] != NULL; i++) {
		char *line = g_strstrip(lines[i]);
		char *end = strchr(line, line[0] == '[' ? ']' : '=');

		if (line[0] == '#' || end == NULL)
			continue;
		*end = '\0';
		if (line[0] == '[') {
			inside = strcmp(line + 1, section) == 0;
			if (inside && name == NULL)
				return i + 1;
		} else if (inside && name != NULL &&
			   strcmp(g_strchomp(line), name) == 0) {
			return i + 1;
		}
	}
	return 0;
}

struct source {
	const char *path;
	const char *data;
	GKeyFile *file;
};

static int
set_error(const struct source *source, const char *section, const char *name,
	  struct ph_err *err, const char *what)
{
	return ph_err_set(err, PH_ERR_PERM, "%s:%d: %s", source->path,
			  find_line(source->data, section, name), what);
}

static int
load_value(struct ph_conf *conf, const struct source *source,
	   const char *section, const char *name, struct ph_err *err)
{
	g_autofree char *text =
	    g_key_file_get_value(source->file, section, name, NULL);
	g_autofree char *what = NULL;
	struct ph_err why = PH_ERR_INIT;

	for (size_t i = 0; i < conf->n; i++) {
		const struct ph_setting *row = &ph_settings[i];

		if (strcmp(row->section, section) != 0 ||
		    strcmp(row->name, name) != 0)
			continue;
		if (parse_slot(row, g_strstrip(text), &conf->slots[i], &why) ==
		    0)
			return 0;
		what = g_strdup_printf("%s: %s", name, why.text);
		return set_error(source, section, name, err, what);
	}
	what = g_strdup_printf("unknown setting \"%s\" in [%s]; "
			       "posthub.conf(5) lists those there are",
			       name, section);
	return set_error(source, section, name, err, what);
}

static int
load_section(struct ph_conf *conf, const struct source *source,
	     const char *section, struct ph_err *err)
{
	g_auto(GStrv) names =
	    g_key_file_get_keys(source->file, section, NULL, NULL);

	if (!is_known_section(section)) {
		g_autofree char *what = g_strdup_printf(
		    "unknown section [%s]; posthub.conf(5) lists those "
		    "there are",
		    section);

		return set_error(source, section, NULL, err, what);
	}
	for (size_t i = 0; names[i] != NULL; i++)
		if (load_value(conf, source, section, names[i], err) < 0)
			return -1;
	return 0;
}

/* GLib says what is wrong but not where: the first line that is neither blank,
 * comment, section nor "name = value". */
static int
find_broken_line(const char *data)
{
	g_auto(GStrv) lines = g_strsplit(data, "\n", -1);

	for (int i = 0; lines[i] != NULL; i++) {
		const char *line = g_strstrip(lines[i]);
		bool section = line[0] == '[' && g_str_has_suffix(line, "]");

		if (line[0] == '\0' || line[0] == '#' || section)
			continue;
		if (line[0] == '[' || line[0] == '=' ||
		    strchr(line, '=') == NULL)
			return i + 1;
	}
	return 1;
}

static int
load_file(struct ph_conf *conf, const char *path, struct ph_err *err)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) why = NULL;
	g_autofree char *data = NULL;
	g_auto(GStrv) sections = NULL;
	struct source source;
	gsize size;

	if (!g_file_get_contents(path, &data, &size, &why))
		return ph_err_set(err, PH_ERR_PERM, "%s", why->message);
	if (!g_utf8_validate(data, (gssize)size, NULL))
		return ph_err_set(err, PH_ERR_PERM,
				  "%s:1: the file is not UTF-8 text", path);
	if (!g_key_file_load_from_data(file, data, size, G_KEY_FILE_NONE, &why))
		return ph_err_set(err, PH_ERR_PERM, "%s:%d: %s", path,
				  find_broken_line(data), why->message);
	source = (struct source){path, data, file};
	sections = g_key_file_get_groups(file, NULL);
	for (size_t i = 0; sections[i] != NULL; i++)
		if (load_section(conf, &source, sections[i], err) < 0)
			return -1;
	return 0;
}

int
ph_conf_load(const char *path, struct ph_conf **conf_r, struct ph_err *err)
{
	struct ph_conf *conf = g_new0(struct ph_conf, 1);
	struct ph_err bug = PH_ERR_INIT;

	conf->n = count_settings();
	conf->slots = g_new0(struct slot, conf->n);
	for (size_t i = 0; i < conf->n; i++) {
		const char *value = ph_settings[i].value;

		if (value != NULL && parse_slot(&ph_settings[i], value,
						&conf->slots[i], &bug) < 0)
			g_error("default of %s: %s", ph_settings[i].name,
				bug.text);
	}
	if (path != NULL && load_file(conf, path, err) < 0) {
		ph_conf_free(&conf);
		return -1;
	}
	*conf_r = conf;
	return 0;
}

void
ph_conf_free(struct ph_conf **conf)
{
	if (*conf == NULL)
		return;
	for (size_t i = 0; i < (*conf)->n; i++)
		g_free((*conf)->slots[i].text);
	g_free((*conf)->slots);
	g_free(*conf);
	*conf = NULL;
}

static const struct slot *
find_slot(const struct ph_conf *conf, const char *section, const char *name,
	  unsigned types)
{
	for (size_t i = 0; i < conf->n; i++) {
		const struct ph_setting *row = &ph_settings[i];

		if (strcmp(row->section, section) == 0 &&
		    strcmp(row->name, name) == 0) {
			g_assert((types >> row->type & 1) != 0);
			return &conf->slots[i];
		}
	}
	g_error("there is no setting [%s] %s", section, name);
}

const char *
ph_conf_text(const struct ph_conf *conf, const char *section, const char *name)
{
	const struct slot *slot = find_slot(conf, section, name, ~0U);

	return slot->text != NULL ? slot->text : "";
}

int64_t
ph_conf_int(const struct ph_conf *conf, const char *section, const char *name)
{
	return find_slot(conf, section, name,
			 1U << PH_SETTING_INT | 1U << PH_SETTING_SIZE |
			     1U << PH_SETTING_SPAN)
	    ->number;
}

bool
ph_conf_bool(const struct ph_conf *conf, const char *section, const char *name)
{
	return find_slot(conf, section, name, 1U << PH_SETTING_BOOL)->number !=
	       0;
}

size_t
ph_conf_word(const struct ph_conf *conf, const char *section, const char *name)
{
	return (size_t)find_slot(conf, section, name, 1U << PH_SETTING_WORD)
	    ->number;
}
