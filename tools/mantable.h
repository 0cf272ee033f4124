#ifndef PH_TOOLS_MANTABLE_H
#define PH_TOOLS_MANTABLE_H

#include <glib.h>
#include <stdbool.h>

/* Tables of manual pages, and what they are put together of. */

void ph_man_item(GString *out, const char *macro, const char *name);
void ph_man_begin_list(GString *out);
void ph_man_end_list(GString *out);
/* The help of a row as a sentence, and what else there is to say. */
void ph_man_append_help(GString *out, const char *help, const GString *more);
/* Running text in lines; none begins with what roff takes for a request. */
void ph_man_append_text(GString *out, const char *text);

/* Tables: false, after saying why, if there is no such one. */
bool ph_man_checks(GString *out, const char *unused);
bool ph_man_sensitive(GString *out, const char *unused);

#endif
