#include "lib/directory/status.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODE 0644

char *
ph_directory_status_path(const struct ph_conf *conf)
{
	return g_build_filename(ph_conf_text(conf, "server", "state_dir"),
				"directory.status", NULL);
}

static json_t *
json_text(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return json_string(valid);
}

json_t *
ph_directory_status_error(const char *key, const char *text, bool kept)
{
	return json_pack("{s:o, s:o, s:b}", "key", json_text(key), "text",
			 json_text(text), "kept", (int)kept);
}

static char *
format(const struct ph_directory_status *status, json_t *errors)
{
	char since[PH_DATE_TEXT], updated[PH_DATE_TEXT];
	json_t *root;
	char *text;

	ph_format_date(status->since, since, sizeof since);
	ph_format_date(ph_clock_wall(), updated, sizeof updated);
	root = json_pack(
	    "{s:s, s:I, s:b, s:s, s:b, s:o, s:b, s:I, s:I, s:o, s:s}",
	    "program", "directory", "pid", (json_int_t)getpid(), "connected",
	    (int)status->connected, "since", since, "refused",
	    status->connected && *status->reason != '\0', "reason",
	    json_text(status->reason), "complete", (int)status->complete,
	    "entries", (json_int_t)status->entries, "reads",
	    (json_int_t)status->reads, "errors", errors, "updated", updated);
	g_assert(root != NULL);
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

void
ph_directory_status_write(const char *path,
			  const struct ph_directory_status *status,
			  json_t *errors)
{
	g_autoptr(GError) error = NULL;
	char *text = format(status, errors);

	if (!g_file_set_contents_full(
		path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, MODE, &error))
		ph_debug("%s", error->message);
	free(text);
}

bool
ph_directory_status_read(const char *path, struct ph_directory_status *status_r)
{
	json_t *root = json_load_file(path, 0, NULL);
	const char *since = json_string_value(json_object_get(root, "since"));
	const char *reason = json_string_value(json_object_get(root, "reason"));
	const json_t *connected = json_object_get(root, "connected");
	bool good;

	*status_r = (struct ph_directory_status){0};
	good = json_is_boolean(connected) && since != NULL && reason != NULL &&
	       ph_parse_date(since, &status_r->since, NULL) == 0;
	if (good) {
		status_r->connected = json_is_true(connected);
		g_strlcpy(status_r->reason, reason, sizeof status_r->reason);
	}
	json_decref(root);
	return good;
}
