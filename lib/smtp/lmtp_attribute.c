#include "lib/smtp/lmtp_private.h"

#include "lib/base/text.h"

#include <string.h>

const char *const ph_lmtp_xforwards[PH_LMTP_XFORWARDS + 1] = {
    "NAME", "ADDR", "PROTO", "HELO", "SOURCE", "PORT", "IDENT", NULL};

const char *const ph_lmtp_xclients[PH_LMTP_XCLIENTS + 1] = {
    "NAME",  "ADDR",	 "PORT",     "PROTO", "HELO",
    "LOGIN", "DESTADDR", "DESTPORT", NULL};

int
ph_lmtp_attribute_index(const char *const *names, const char *name, size_t size)
{
	for (int i = 0; names[i]; i++)
		if (strlen(names[i]) == size &&
		    g_ascii_strncasecmp(names[i], name, size) == 0)
			return i;
	return -1;
}

bool
ph_lmtp_attribute_set(const char *const *names, char **values, const char *text)
{
	size_t size = strcspn(text, "=");
	int i = ph_lmtp_attribute_index(names, text, size);
	char *value;

	if (i < 0 || text[size] != '=')
		return false;
	value = ph_decode_xtext(text + size + 1);
	if (!value)
		return false;
	if (strcmp(value, "[UNAVAILABLE]") == 0 ||
	    strcmp(value, "[TEMPUNAVAIL]") == 0)
		*value = '\0';
	g_free(values[i]);
	values[i] = value;
	return true;
}
