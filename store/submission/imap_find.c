#include "store/submission/imap.h"

#include "lib/base/text.h"

#include <inttypes.h>
#include <string.h>

#define DAY_S ((int64_t)24 * 60 * 60)

/* "1-Feb-1994". Days of a server are those of its own zone. */
static char *
day_before(int64_t seconds)
{
	char date[PH_MAIL_DATE];
	const char *end;

	ph_format_mail_date((seconds - DAY_S) * 1000, date, sizeof(date));
	end = strchr(strchr(strchr(date + 5, ' ') + 1, ' ') + 1, ' ');
	return g_strdelimit(g_strndup(date + 5, (gsize)(end - date - 5)), " ",
			    '-');
}

static char *
search_key(const struct ph_imap_sought *sought)
{
	g_autofree char *id = ph_imap_quote(sought->id), *day = NULL;
	GString *what = g_string_new("UNDELETED");

	/* Few mailboxes have an index of headers, all of days. */
	if (sought->since > DAY_S) {
		day = day_before(sought->since);
		g_string_append_printf(what, " SINCE %s", day);
	}
	if (sought->size > 0)
		g_string_append_printf(what,
				       " LARGER %" PRIu64 " SMALLER %" PRIu64,
				       sought->size - 1, sought->size + 1);
	g_string_append_printf(what, " HEADER Message-ID %s", id);
	if (sought->date != NULL) {
		g_autofree char *date = ph_imap_quote(sought->date);

		g_string_append_printf(what, " HEADER %s %s", sought->field,
				       date);
	}
	return g_string_free(what, FALSE);
}

int
ph_imap_find(struct ph_imap *imap, const char *mailbox,
	     const struct ph_imap_sought *sought, struct ph_err *err)
{
	g_autofree char *key = search_key(sought);
	g_autoptr(GArray) uids = NULL;
	uint32_t validity;
	int r = ph_imap_select(imap, mailbox, &validity, err);

	if (r != 1 || *sought->id == '\0')
		return r < 0 ? -1 : 0;
	if (ph_imap_search(imap, key, &uids, err) < 0)
		return -1;
	return uids->len > 0;
}
