#include "lib/health/held.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The file: a line that names the boot, then a line a database:
 * "<Epoch> <until> <folded name>".
 */
#define BOOT "/proc/sys/kernel/random/boot_id"

struct ph_held {
	const struct ph_conf *conf;
	char *path, *boot;
};

static char *
held_path(const struct ph_conf *conf)
{
	return g_build_filename(ph_conf_text(conf, "server", "state_dir"),
				"held", NULL);
}

static char *
boot_id(void)
{
	char *text = NULL;

	if (!g_file_get_contents(BOOT, &text, NULL, NULL))
		return g_strdup("unknown");
	return g_strchomp(text);
}

struct ph_held *
ph_held_open(const struct ph_conf *conf)
{
	struct ph_held *held = g_new0(struct ph_held, 1);

	held->conf = conf;
	held->path = held_path(conf);
	held->boot = boot_id();
	return held;
}

void
ph_held_close(struct ph_held **held)
{
	struct ph_held *p = *held;

	if (!p)
		return;
	*held = NULL;
	g_free(p->path);
	g_free(p->boot);
	g_free(p);
}

bool
ph_held_needed(const struct ph_conf *conf, const struct ph_database *database)
{
	const bool several = database->servers[0] && database->servers[1];

	return database->auto_activation ||
	       (several && *ph_conf_text(conf, "delivery", "activation_hook"));
}

/* 1: it is of that database, under that Epoch, and *until_r. */
static int
parse_line(const char *line, const char *folded, int64_t epoch,
	   int64_t *until_r)
{
	char *end;

	if (g_ascii_strtoll(line, &end, 10) != epoch || *end != ' ')
		return 0;
	*until_r = g_ascii_strtoll(end, &end, 10);
	return *end == ' ' && strcmp(end + 1, folded) == 0;
}

static int64_t
find_until(const struct ph_held *held, const struct ph_database *database)
{
	g_autofree char *text = NULL, *folded = ph_fold(database->name);
	g_auto(GStrv) lines = NULL;
	int64_t until;

	if (!g_file_get_contents(held->path, &text, NULL, NULL))
		return 0;
	lines = g_strsplit(text, "\n", -1);
	if (!*lines || strcmp(*lines, held->boot) != 0)
		return 0;
	for (char **line = lines + 1; *line; line++)
		if (parse_line(*line, folded, database->epoch, &until))
			return until;
	return 0;
}

int
ph_held_check(const struct ph_held *held, const struct ph_database *database,
	      struct ph_err *err)
{
	if (!ph_held_needed(held->conf, database) ||
	    ph_clock_mono() < find_until(held, database))
		return 1;
	ph_err_set(err, PH_ERR_TEMP,
		   "database %s is not held here under Epoch %" PRId64,
		   database->name, database->epoch);
	return 0;
}

/* Whole or not at all for those who read; no fsync each second. */
static int
write_text(const char *path, const GString *text, struct ph_err *err)
{
	g_autofree char *temporary = g_strconcat(path, ".new", NULL);
	FILE *file = fopen(temporary, "we");
	bool good;

	if (!file)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", temporary,
				  g_strerror(errno));
	good = fwrite(text->str, 1, text->len, file) == text->len;
	good = fclose(file) == 0 && good && rename(temporary, path) == 0;
	if (good)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s: %s", path, g_strerror(errno));
}

int
ph_held_write(const struct ph_conf *conf, const struct ph_held_row *rows,
	      size_t n, struct ph_err *err)
{
	g_autofree char *path = held_path(conf), *boot = boot_id();
	g_autoptr(GString) text = g_string_new(boot);

	g_string_append_c(text, '\n');
	for (size_t i = 0; i < n; i++) {
		g_autofree char *folded = ph_fold(rows[i].database);

		g_string_append_printf(text, "%" PRId64 " %" PRId64 " %s\n",
				       rows[i].epoch, rows[i].until, folded);
	}
	return write_text(path, text, err);
}
