#ifndef PH_BASE_CONF_H
#define PH_BASE_CONF_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * posthub.conf: key file syntax, read with GLib. Every setting of every
 * program is a row of ph_settings (settings.c), because all programs share the
 * file and an unknown section or name is an error in each of them. The table
 * drives parsing, "posthub config show" and posthub.conf(5).
 */
enum ph_setting_type {
	PH_SETTING_TEXT,
	PH_SETTING_BOOL,
	PH_SETTING_INT,
	PH_SETTING_SIZE,     /* bytes */
	PH_SETTING_SPAN,     /* milliseconds */
	PH_SETTING_WORD,     /* one of words */
	PH_SETTING_ENDPOINT, /* as ph_parse_endpoint */
};

struct ph_setting {
	const char *section;
	const char *name; /* lower_snake_case */
	enum ph_setting_type type;
	const char *value;	  /* default, in written form; NULL: none */
	int64_t min, max;	  /* of INT, SIZE, SPAN; both 0: no limits */
	const char *const *words; /* of WORD, NULL-terminated */
	const char *help;	  /* one line */
};

/* Sorted by section as the manual page shows them; ends with section NULL. */
extern const struct ph_setting ph_settings[];

/* Immutable once loaded; safe from all threads. */
struct ph_conf;

/*
 * 0: *conf_r is the caller's. -1: PERM, text "file:line: what; remedy".
 * A file that does not exist is an error; path NULL gives the defaults.
 */
int ph_conf_load(const char *path, struct ph_conf **conf_r, struct ph_err *err);
void ph_conf_free(struct ph_conf **conf);

/* Values are borrowed from conf. Asking for a row that does not exist, or with
 * the wrong type, is a bug and aborts. An unset text without default is "". */
const char *ph_conf_text(const struct ph_conf *conf, const char *section,
			 const char *name);
/* INT as it is, SIZE in bytes, SPAN in milliseconds. */
int64_t ph_conf_int(const struct ph_conf *conf, const char *section,
		    const char *name);
bool ph_conf_bool(const struct ph_conf *conf, const char *section,
		  const char *name);
/* Index into the row's words. */
size_t ph_conf_word(const struct ph_conf *conf, const char *section,
		    const char *name);

#endif
