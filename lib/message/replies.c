#include "lib/message/replies.h"

#include <strings.h>

char *
ph_replies_none(const struct ph_headers *headers)
{
	const char *now = ph_headers_raw(headers, PH_HEADER_NO_REPLIES, 0);
	g_auto(GStrv) words = g_strsplit(now != NULL ? now : "", ",", -1);

	for (char **word = words; *word != NULL; word++) {
		g_strstrip(*word);
		if (strcasecmp(*word, "OOF") == 0 ||
		    strcasecmp(*word, "All") == 0)
			return NULL;
	}
	return now == NULL ? g_strdup("OOF") : g_strconcat(now, ", OOF", NULL);
}
