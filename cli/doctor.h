#ifndef PH_CLI_DOCTOR_H
#define PH_CLI_DOCTOR_H

#include "cli/setup_master.h"

#include <glib.h>
#include <stdbool.h>

/*
 * How Postfix is wired, compared with the files that posthub comes with
 * (postfix-conf), for "posthub doctor". No I/O but in doctor.c.
 */

/* How remedies begin that change main.cf or master.cf. */
#define PH_DOCTOR_POSTCONF "postconf "

/* One thing that is not as it comes. */
struct ph_symptom {
	bool wrong;   /* false: it works, or the administrator wants it so */
	char *where;  /* "main.cf", "master.cf: ph-hub/unix" */
	char *name;   /* what is set there; "": all of it */
	char *is;     /* "": nothing */
	char *wanted; /* as it comes; "": nothing */
	char *remedy; /* a command, or what to do */
};

/* struct ph_symptom, owned; g_ptr_array_unref. */
GPtrArray *ph_symptoms_new(void);
/* All but symptoms and wrong is copied, NULL is "". */
void ph_symptoms_add(GPtrArray *symptoms, bool wrong, const char *where,
		     const char *name, const char *is, const char *wanted,
		     const char *remedy);

/* ---- doctor_value.c ------------------------------------------------------ */

enum ph_doctor_answer {
	PH_DOCTOR_WELL,
	PH_DOCTOR_OTHER, /* a limit or a time: the administrator's to choose */
	PH_DOCTOR_WRONG,
};

/*
 * A parameter of main.cf, or of a service in master.cf; is NULL: not set. Lists
 * that name posthub, and restrictions, may have more than what comes, before,
 * between and after; but a milter of a front end is the last. Blanks and commas
 * do not count.
 */
enum ph_doctor_answer ph_doctor_compare(const char *name, const char *is,
					const char *wanted);

/* ---- doctor_master.c ----------------------------------------------------- */

/* The line from which on services are posthub's: "# ---- posthub". 0: none. */
guint ph_doctor_mark(const char *text);

/*
 * Services of master.cf: those that stand behind the mark in the file that
 * comes, and others with options that name posthub, as far as these go. file:
 * its path, for remedies.
 */
void ph_doctor_services(const struct ph_master *is,
			const struct ph_master *wanted, guint mark,
			const char *file, GPtrArray *symptoms);

#endif
