#include "lib/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line break in an error text would forge a log line or an SMTP reply. */
static void
make_printable(char *text)
{
	char *end;

	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	/* vsnprintf may have cut in the middle of a character. */
	while (!g_utf8_validate(text, -1, (const char **)&end))
		*end = '?';
}

int
ph_err_set(struct ph_err *err, enum ph_err_kind kind, const char *format, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	err->kind = kind;
	va_start(ap, format);
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	make_printable(err->text);
	return -1;
}

int
ph_err_wrap(struct ph_err *err, const char *format, ...)
{
	char inner[PH_ERR_TEXT];
	size_t used;
	va_list ap;

	if (err == NULL)
		return -1;
	memcpy(inner, err->text, sizeof inner);
	va_start(ap, format);
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	used = strlen(err->text);
	g_strlcpy(err->text + used, ": ", sizeof err->text - used);
	g_strlcat(err->text, inner, sizeof err->text);
	make_printable(err->text);
	return -1;
}

const char *
ph_err_kind_name(enum ph_err_kind kind)
{
	switch (kind) {
	case PH_ERR_NONE:
		return "none";
	case PH_ERR_TEMP:
		return "temporary";
	case PH_ERR_PERM:
		return "permanent";
	case PH_ERR_PEER:
		return "peer";
	case PH_ERR_MAYBE:
		return "uncertain";
	}
	g_assert_not_reached();
}
