#include "lib/scan/scl.h"

#include <glib.h>
#include <math.h>
#include <stdbool.h>

int
ph_scl_parse(const char *text, struct ph_scl *scl_r, struct ph_err *err)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	bool good = g_strv_length(parts) == PH_SCL_LEVELS;

	for (size_t i = 0; good && i < PH_SCL_LEVELS; i++) {
		const char *part = g_strstrip(parts[i]);
		char *end = NULL;

		scl_r->from[i] = g_ascii_strtod(part, &end);
		good = end != part && *end == '\0' &&
		       isfinite(scl_r->from[i]) &&
		       (i == 0 || scl_r->from[i] >= scl_r->from[i - 1]);
	}
	if (!good)
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%.100s\" is not nine scores that rise, "
				  "separated by commas",
				  text);
	return 0;
}

int
ph_scl_of(const struct ph_scl *scl, double score)
{
	int level = 0;

	while (level < PH_SCL_LEVELS && score >= scl->from[level])
		level++;
	return level;
}
