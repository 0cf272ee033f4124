#ifndef PH_CLI_CMDLET_H
#define PH_CLI_CMDLET_H

#include "lib/base/err.h"

#include <glib.h>

/*
 * A command of PowerShell, as an export of Exchange holds it: a cmdlet and its
 * parameters, each with texts. Nothing is evaluated: a variable other than
 * $true, $false and $null is an error. Pure.
 */
struct ph_cmdlet_parameter {
	char *name;   /* without the dash */
	char **texts; /* $true is "true"; of a switch that alone; $null is
		       * none */
};

struct ph_cmdlet {
	char *name;
	GPtrArray *parameters; /* struct ph_cmdlet_parameter, in order */
};

/* 0, or -1 PERM: which names the place. */
int ph_cmdlet_parse(const char *text, struct ph_cmdlet **cmdlet_r,
		    struct ph_err *err);
void ph_cmdlet_free(struct ph_cmdlet **cmdlet); /* NULL is fine */

#endif
