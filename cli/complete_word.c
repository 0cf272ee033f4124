#include "cli/complete.h"

#include <string.h>

/* Inside double quotes a backslash counts only before these. */
#define ESCAPED "\"\\$`"

static const char *
take_char(struct ph_shell_word *word, GString *text, const char *p,
	  const char *breaks)
{
	const char c = *p++;

	if (c == '\\' && word->quote != '\'' && *p != '\0' &&
	    (word->quote == 0 || strchr(ESCAPED, *p) != NULL)) {
		g_string_append_c(text, *p++);
	} else if (word->quote == 0 && (c == '"' || c == '\'')) {
		word->quote = c;
		word->cut = text->len;
	} else if (word->quote != 0 && c == word->quote) {
		word->quote = 0;
	} else {
		g_string_append_c(text, c);
		/* At an @ bash begins a name of a host, with it. */
		if (word->quote == 0 && strchr(breaks, c) != NULL)
			word->cut = text->len - (c == '@' ? 1 : 0);
	}
	return p;
}

/* What it runs or expands to is not looked at: "$(...)" is text. */
void
ph_shell_word_parse(struct ph_shell_word *word, const char *raw,
		    const char *breaks)
{
	GString *text = g_string_new(NULL);

	*word = (struct ph_shell_word){NULL, 0, 0};
	for (const char *p = raw; *p != '\0';)
		p = take_char(word, text, p, breaks);
	word->text = g_string_free(text, FALSE);
}

static bool
is_plain(char c)
{
	return g_ascii_isalnum(c) || (c & 0x80) != 0 ||
	       strchr("_-./:=,@%+", c) != NULL;
}

char *
ph_shell_word_format(const struct ph_shell_word *word, const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text + MIN(word->cut, strlen(text)); *p != '\0';
	     p++) {
		if (word->quote == '\'' && *p == '\'')
			g_string_append(out, "'\\'");
		else if (word->quote == '"' ? strchr(ESCAPED, *p) != NULL
					    : !word->quote && !is_plain(*p))
			g_string_append_c(out, '\\');
		g_string_append_c(out, *p);
	}
	return g_string_free(out, FALSE);
}
